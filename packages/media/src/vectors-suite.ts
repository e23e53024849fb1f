import { readFileSync } from "node:fs";
import { decodeHex } from "./bytes/hex.ts";
import { splitAnnexB } from "./nal/annex-b.ts";

/** Loads vectors from `tests/vectors/media`, and makes the seeded noise with which decoders are tried. */
export interface VideoVector {
  readonly name: string;
  readonly codec: "h264" | "hevc";
  /** What ffprobe says about the stream. */
  readonly ffprobe: {
    readonly profile: string;
    readonly level: number;
    readonly width: number;
    readonly height: number;
    readonly has_b_frames: number;
    readonly r_frame_rate: string;
    readonly sample_aspect_ratio?: string;
    readonly pix_fmt: string;
    readonly refs: number;
    readonly color_primaries?: string;
  };
  readonly pictures: readonly string[];
  readonly hex: string;
}

export const H264_VECTORS = [
  "h264-baseline",
  "h264-main",
  "h264-high-b-frames",
  "h264-high-interlaced-1080",
  "h264-high-cropped-1080",
  "h264-sliced-zerolatency",
  "h264-hrd-anamorphic",
  "h264-high444-scaling-lists",
  "h264-high10-intra",
] as const;

export const HEVC_VECTORS = ["hevc-main", "hevc-main10-b-frames", "hevc-cropped-1080"] as const;

export function readVector<T>(name: string): T {
  const url = new URL(`../../../tests/vectors/media/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

export interface LoadedVideo extends VideoVector {
  readonly bytes: Uint8Array;
  readonly nals: readonly Uint8Array[];
}

export function loadVideo(name: string): LoadedVideo {
  const vector = readVector<VideoVector>(name);
  const bytes = decodeHex(vector.hex);
  return { ...vector, bytes, nals: splitAnnexB(bytes) };
}

export interface FlvVector {
  readonly videoPackets: readonly { readonly pts: number; readonly dts: number }[];
  readonly tags: readonly { readonly type: number; readonly timestampMs: number; readonly hex: string }[];
}

/** FLV bodies of one tag type: 8 audio, 9 video, 18 script data. */
export function flvBodies(type: number): { timestampMs: number; body: Uint8Array }[] {
  return readVector<FlvVector>("flv-h264-aac")
    .tags.filter((tag) => tag.type === type)
    .map((tag) => ({ timestampMs: tag.timestampMs, body: decodeHex(tag.hex) }));
}

/** Numbers from 0 to 2^32 - 1, the same for the same seed (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return (value ^ (value >>> 14)) >>> 0;
  };
}

export function seededBytes(next: () => number, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => next() & 0xff);
}

/** A copy with one to four bytes changed, taken out or doubled. */
export function mutate(bytes: Uint8Array, next: () => number): Uint8Array {
  // In place: with an array of numbers, copying takes far longer than the decoder that is given the bytes.
  const changed = new Uint8Array(bytes.length + 4);
  changed.set(bytes);
  let { length } = bytes;
  for (let edits = 1 + (next() % 4); edits > 0; edits -= 1) {
    const at = next() % Math.max(1, length);
    const kind = next() % 4;
    if (kind === 0 && length > 0) {
      changed.copyWithin(at, at + 1, length);
      length -= 1;
    } else if (kind === 1) {
      changed.copyWithin(at + 1, at, length);
      length += 1;
    } else {
      changed[at] = kind === 2 ? next() & 0xff : (changed[at] ?? 0) ^ (1 << (next() % 8));
      length = Math.max(length, at + 1);
    }
  }
  return changed.slice(0, length);
}
