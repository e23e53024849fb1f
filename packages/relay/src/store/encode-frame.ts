import type { WireFrame } from "@canopy/protocol";

/** Encodes a frame as moq-lite-05 sends it (digest §1.8): zigzag delta, payload size, payload. Copies the payload once. */
export function encodeFrame(timestamp: number, previousTimestamp: number, payload: Uint8Array): WireFrame {
  const delta = timestamp - previousTimestamp;
  const zigzag = delta >= 0 ? delta * 2 : -delta * 2 - 1;
  const sizeOffset = varintLength(zigzag);
  const payloadOffset = sizeOffset + varintLength(payload.byteLength);
  const wire = new Uint8Array(payloadOffset + payload.byteLength);
  writeVarint(wire, 0, zigzag);
  writeVarint(wire, sizeOffset, payload.byteLength);
  wire.set(payload, payloadOffset);
  return { wire, sizeOffset, payloadOffset, timestamp };
}

function varintLength(value: number): number {
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : value < 0x4000_0000 ? 4 : 8;
}

/** RFC 9000 §16, shortest form. */
function writeVarint(target: Uint8Array, offset: number, value: number): void {
  const length = varintLength(value);
  let rest = value;
  for (let index = length - 1; index >= 0; index -= 1) {
    target[offset + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  target[offset] = (target[offset] ?? 0) | (Math.log2(length) << 6);
}
