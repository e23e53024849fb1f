import { MediaError } from "../media-error.ts";
import { insertEmulationPrevention, removeEmulationPrevention } from "./emulation-prevention.ts";

/** One SEI message (ISO/IEC 14496-10 §7.3.2.3.1, 23008-2 §7.3.5; the same form in both). */
export interface SeiMessage {
  readonly payloadType: number;
  /** Raw, without emulation prevention. May be a view of the access unit. */
  readonly payload: Uint8Array;
}

/** Encoder banners and caption blocks are below 4 KB; bounds what one unit can make a reader unescape. */
export const MAX_SEI_NAL_BYTES = 64 * 1024;

/** Messages per NAL unit: far above what encoders pack together. */
export const MAX_SEI_MESSAGES_PER_NAL = 64;

/**
 * The messages of one SEI NAL unit, `headerBytes` (1 in H.264, 2 in HEVC) of which are its header.
 * @throws MediaError "truncated" when a size points past the end, "too-large", "too-many".
 */
export function parseSeiNal(nal: Uint8Array, headerBytes: 1 | 2): SeiMessage[] {
  if (nal.length > MAX_SEI_NAL_BYTES) {
    throw new MediaError("too-large", "SEI over the size limit", {
      field: "sei",
      limit: MAX_SEI_NAL_BYTES,
      actual: nal.length,
    });
  }
  const raw = removeEmulationPrevention(nal);
  let end = raw.length;
  while (end > headerBytes && raw[end - 1] === 0) end -= 1;
  // rbsp_trailing_bits() is one byte 80 here, as SEI messages are whole bytes.
  if (end > headerBytes && raw[end - 1] === 0x80) end -= 1;
  const messages: SeiMessage[] = [];
  let at = headerBytes;
  const readRun = (): number => {
    let value = 0;
    for (;;) {
      if (at >= end) throw new MediaError("truncated", "SEI message header ends early", { field: "sei" });
      const byte = raw[at] as number;
      at += 1;
      value += byte;
      if (byte !== 0xff) return value;
    }
  };
  while (at < end) {
    if (messages.length === MAX_SEI_MESSAGES_PER_NAL) {
      throw new MediaError("too-many", "too many SEI messages in one NAL unit", {
        field: "sei",
        limit: MAX_SEI_MESSAGES_PER_NAL,
      });
    }
    const payloadType = readRun();
    const size = readRun();
    if (size > end - at) {
      throw new MediaError("truncated", "SEI payload ends early", {
        field: "sei",
        limit: size,
        actual: end - at,
      });
    }
    messages.push({ payloadType, payload: raw.subarray(at, at + size) });
    at += size;
  }
  return messages;
}

function runBytes(value: number): number {
  return Math.floor(value / 255) + 1;
}

function writeRun(target: Uint8Array, at: number, value: number): number {
  const whole = Math.floor(value / 255);
  target.fill(0xff, at, at + whole);
  target[at + whole] = value % 255;
  return at + whole + 1;
}

/** A complete SEI NAL unit (no start code): header, messages, trailing bits, escaped. */
export function buildSeiNal(header: readonly number[], messages: readonly SeiMessage[]): Uint8Array {
  let length = header.length + 1;
  for (const { payloadType, payload } of messages) {
    if (!Number.isInteger(payloadType) || payloadType < 0 || payloadType > 0xffff) {
      throw new MediaError("malformed", "SEI payload type out of range", {
        field: "sei",
        actual: payloadType,
      });
    }
    length += runBytes(payloadType) + runBytes(payload.length) + payload.length;
  }
  if (messages.length === 0) throw new MediaError("malformed", "SEI without a message", { field: "sei" });
  if (messages.length > MAX_SEI_MESSAGES_PER_NAL) {
    throw new MediaError("too-many", "too many SEI messages", {
      field: "sei",
      limit: MAX_SEI_MESSAGES_PER_NAL,
    });
  }
  if (length > MAX_SEI_NAL_BYTES) {
    throw new MediaError("too-large", "SEI over the size limit", {
      field: "sei",
      limit: MAX_SEI_NAL_BYTES,
      actual: length,
    });
  }
  const raw = new Uint8Array(length);
  raw.set(header);
  let at = header.length;
  for (const { payloadType, payload } of messages) {
    at = writeRun(raw, at, payloadType);
    at = writeRun(raw, at, payload.length);
    raw.set(payload, at);
    at += payload.length;
  }
  raw[at] = 0x80;
  return insertEmulationPrevention(raw);
}
