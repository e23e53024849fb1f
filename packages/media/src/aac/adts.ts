import { MediaError } from "../media-error.ts";
import { CHANNELS_BY_CONFIGURATION, SAMPLING_FREQUENCIES } from "./sampling-frequency.ts";

/**
 * ADTS header, ISO/IEC 14496-3 §1.A.2.2:
 * `syncword(12)=fff id(1) layer(2)=0 protection_absent(1) profile(2) frequency(4) private(1) channels(3) … length(13) …`.
 */
export interface AdtsHeader {
  /** profile + 1: 2 = AAC-LC. */
  readonly objectType: number;
  readonly sampleRate: number;
  readonly channelConfiguration: number;
  /** 0: only a program_config_element in the frame tells. */
  readonly channels: number;
  /** 7, or 9 with a CRC. */
  readonly headerBytes: number;
  /** Header and payload. */
  readonly frameBytes: number;
  /** raw_data_blocks, 1 to 4. */
  readonly blocks: number;
}

const ADTS_HEADER_BYTES = 7;
/** aac_frame_length has 13 bits. */
const MAX_ADTS_FRAME_BYTES = 0x1fff;

/** True if an ADTS header may start here (a raw AAC frame starts with it only by accident of an unlikely element). */
export function looksLikeAdts(bytes: Uint8Array, at = 0): boolean {
  return bytes[at] === 0xff && ((bytes[at + 1] ?? 0) & 0xf6) === 0xf0;
}

/** @throws MediaError "truncated", "malformed". */
export function parseAdtsHeader(bytes: Uint8Array, at = 0): AdtsHeader {
  if (at + ADTS_HEADER_BYTES > bytes.length) {
    throw new MediaError("truncated", "ADTS header ends early", { field: "adts" });
  }
  if (!looksLikeAdts(bytes, at))
    throw new MediaError("malformed", "no ADTS sync word", { field: "adts.syncword" });
  const b1 = bytes[at + 1] as number;
  const b2 = bytes[at + 2] as number;
  const b3 = bytes[at + 3] as number;
  const b4 = bytes[at + 4] as number;
  const b5 = bytes[at + 5] as number;
  const b6 = bytes[at + 6] as number;
  const headerBytes = (b1 & 1) === 1 ? ADTS_HEADER_BYTES : ADTS_HEADER_BYTES + 2;
  const sampleRate = SAMPLING_FREQUENCIES[(b2 >>> 2) & 15];
  if (sampleRate === undefined) {
    throw new MediaError("malformed", "reserved sampling frequency", {
      field: "adts.sampling_frequency_index",
    });
  }
  const channelConfiguration = ((b2 & 1) << 2) | (b3 >>> 6);
  const frameBytes = ((b3 & 3) << 11) | (b4 << 3) | (b5 >>> 5);
  if (frameBytes < headerBytes) {
    throw new MediaError("malformed", "ADTS frame shorter than its header", {
      field: "adts.length",
      actual: frameBytes,
    });
  }
  return {
    objectType: (b2 >>> 6) + 1,
    sampleRate,
    channelConfiguration,
    channels: CHANNELS_BY_CONFIGURATION[channelConfiguration] ?? 0,
    headerBytes,
    frameBytes,
    blocks: (b6 & 3) + 1,
  };
}

/**
 * The raw AAC frame inside exactly one ADTS frame, as a view.
 * @throws MediaError "truncated", "malformed" (also when something follows), "unsupported" (several blocks in a frame).
 */
export function stripAdts(bytes: Uint8Array): Uint8Array {
  const frames = splitAdts(bytes, 1);
  const [frame] = frames;
  if (!frame) throw new MediaError("truncated", "no ADTS frame", { field: "adts" });
  return frame;
}

/** The raw AAC frames of a run of whole ADTS frames, as views. Errors as `stripAdts`, and "too-many". */
export function splitAdts(bytes: Uint8Array, maxFrames = 64): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = parseAdtsHeader(bytes, at);
    if (at + header.frameBytes > bytes.length) {
      throw new MediaError("truncated", "ADTS frame ends early", { field: "adts", limit: header.frameBytes });
    }
    if (header.blocks !== 1) {
      throw new MediaError("unsupported", "several AAC frames in one ADTS frame", { actual: header.blocks });
    }
    if (frames.length === maxFrames)
      throw new MediaError("too-many", "too many ADTS frames", { limit: maxFrames });
    frames.push(bytes.subarray(at + header.headerBytes, at + header.frameBytes));
    at += header.frameBytes;
  }
  return frames;
}

/** One ADTS frame without CRC around a raw AAC frame, in a new buffer. */
export function buildAdtsFrame(
  config: { readonly objectType: number; readonly sampleRate: number; readonly channelConfiguration: number },
  frame: Uint8Array,
): Uint8Array {
  const frequency = SAMPLING_FREQUENCIES.indexOf(config.sampleRate);
  const { objectType, channelConfiguration } = config;
  if (
    frequency < 0 ||
    objectType < 1 ||
    objectType > 4 ||
    channelConfiguration < 0 ||
    channelConfiguration > 7
  ) {
    throw new MediaError("unsupported", "ADTS cannot carry this configuration", { field: "adts" });
  }
  const length = frame.length + ADTS_HEADER_BYTES;
  if (length > MAX_ADTS_FRAME_BYTES) {
    throw new MediaError("too-large", "AAC frame too large for ADTS", {
      limit: MAX_ADTS_FRAME_BYTES,
      actual: length,
    });
  }
  const bytes = new Uint8Array(length);
  bytes[0] = 0xff;
  bytes[1] = 0xf1; // MPEG-4, no CRC
  bytes[2] = ((objectType - 1) << 6) | (frequency << 2) | (channelConfiguration >>> 2);
  bytes[3] = ((channelConfiguration & 3) << 6) | (length >>> 11);
  bytes[4] = length >>> 3;
  bytes[5] = ((length & 7) << 5) | 0x1f; // adts_buffer_fullness: variable rate
  bytes[6] = 0xfc;
  bytes.set(frame, ADTS_HEADER_BYTES);
  return bytes;
}
