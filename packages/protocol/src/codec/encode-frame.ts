import type { WireFrame } from "../wire-frame.ts";
import { varintLength, writeVarint, zigzag } from "./varint.ts";

/**
 * Puts one frame in its wire form (moq-lite, GROUP), with one allocation and one copy of `payload`.
 * `previousTimestamp` is that of the frame before it in the same group, 0 for the first one.
 */
export function encodeFrame(timestamp: number, previousTimestamp: number, payload: Uint8Array): WireFrame {
  const delta = zigzag(timestamp - previousTimestamp);
  const sizeOffset = varintLength(delta);
  const payloadOffset = sizeOffset + varintLength(payload.length);
  const wire = new Uint8Array(payloadOffset + payload.length);
  writeVarint(wire, 0, delta);
  writeVarint(wire, sizeOffset, payload.length);
  wire.set(payload, payloadOffset);
  return { wire, sizeOffset, payloadOffset, timestamp };
}

/** The payload as a view of `frame.wire`. */
export function framePayload(frame: WireFrame): Uint8Array {
  return frame.wire.subarray(frame.payloadOffset);
}
