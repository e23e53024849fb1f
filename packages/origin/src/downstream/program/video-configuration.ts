import { encodeHex } from "@canopy/media/catalog";
import {
  annexBToAvcSample,
  buildAvcDecoderConfig,
  DecodeTimeline,
  h264CodecString,
  parseSps,
  readAvcParameterSets,
  type Sps,
} from "@canopy/media/h264";
import {
  annexBToHevcSample,
  buildHevcDecoderConfig,
  hevcCodecString,
  parseHevcSps,
  readHevcParameterSets,
} from "@canopy/media/hevc";
import type { ProgramVideo } from "./choose-program.ts";

/** What a container says about the pictures that follow. */
export interface VideoConfiguration {
  readonly codec: "avc1" | "hvc1";
  /** As RFC 6381 writes it. */
  readonly codecString: string;
  /** avcC or hvcC. */
  readonly record: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Pictures that are decoded before one that is shown earlier; undefined if the stream does not say. */
  readonly reorderDepth: number | undefined;
  /** Equal for H.264 configurations that differ in the VUI alone. */
  readonly essence?: string;
}

/**
 * The depth of a stream that does not say how many pictures it reorders: what encoders use without being asked for more.
 * None of its B-frames may have come yet. Those that never have any are known after some pictures, and say so then.
 */
const USUAL_REORDER_DEPTH = 2;
const USUAL_FRAME_US = 33_333;

/**
 * Reads the configuration out of a keyframe; undefined if it has no parameter sets.
 * @throws MediaError if they cannot be read
 */
export function readVideoConfiguration(
  codec: "avc1" | "hvc1",
  keyframe: Uint8Array,
): VideoConfiguration | undefined {
  if (codec === "avc1") {
    const sets = readAvcParameterSets(keyframe);
    if (sets === undefined) return undefined;
    const sps = parseSps(sets.sps[0]);
    return {
      codec,
      codecString: h264CodecString(sps),
      record: buildAvcDecoderConfig(sets),
      width: sps.codedWidth,
      height: sps.codedHeight,
      reorderDepth: sps.maxNumReorderFrames,
      essence: essenceOf(sps, sets.pps),
    };
  }
  const sets = readHevcParameterSets(keyframe);
  if (sets === undefined) return undefined;
  const sps = parseHevcSps(sets.sps[0]);
  return {
    codec,
    codecString: hevcCodecString(sps),
    record: buildHevcDecoderConfig(sets),
    width: sps.codedWidth,
    height: sps.codedHeight,
    reorderDepth: sps.maxNumReorderFrames,
  };
}

/**
 * Whether pictures of `b` can be decoded with what was told of `a`. What H.264 says about buffering (VUI) may differ: the
 * origin completes it once it has seen that there are no B-frames.
 */
export function decodesAlike(a: VideoConfiguration | undefined, b: VideoConfiguration): boolean {
  if (a === undefined || a.codec !== b.codec) return false;
  if (Buffer.compare(a.record, b.record) === 0) return true;
  return a.essence !== undefined && a.essence === b.essence;
}

/** An access unit as FLV and MP4 hold it. A new buffer. */
export function toSample(codec: "avc1" | "hvc1", annexB: Uint8Array): Uint8Array<ArrayBuffer> {
  return codec === "avc1" ? annexBToAvcSample(annexB) : annexBToHevcSample(annexB);
}

/** Decoding times for a stream of this configuration. */
export function decodeTimelineOf(configuration: VideoConfiguration, video: ProgramVideo): DecodeTimeline {
  const depth = configuration.reorderDepth ?? USUAL_REORDER_DEPTH;
  return new DecodeTimeline(depth, frameUsOf(video));
}

/** Distance of pictures as far as the catalog tells it. */
export function frameUsOf(video: ProgramVideo): number {
  const { framerate } = video.rendition;
  return framerate !== undefined && framerate >= 1 ? 1_000_000 / framerate : USUAL_FRAME_US;
}

/** Everything in the parameter sets but the VUI. */
function essenceOf(sps: Sps, pps: readonly Uint8Array[]): string {
  const { vui: _, maxNumReorderFrames: __, maxDecFrameBuffering: ___, framerate: ____, ...rest } = sps;
  return JSON.stringify([rest, pps.map(encodeHex)]);
}
