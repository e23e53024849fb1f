import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";
import type { FlvVideoCodec } from "./video-tag.ts";
import * as tag from "./video-tag.ts";

export interface VideoTagInput {
  readonly codec: FlvVideoCodec;
  readonly kind: "sequence-start" | "frame" | "sequence-end" | "metadata";
  readonly isKeyframe: boolean;
  /** −8,388,608 to 8,388,607. Default 0. */
  readonly compositionTimeMs?: number;
  /** Configuration record, length-prefixed NAL units, or nothing. */
  readonly data?: Uint8Array;
  /** Default: only for codecs that have no legacy form. */
  readonly enhanced?: boolean;
}

const PACKET_TYPES: Readonly<Record<VideoTagInput["kind"], number>> = {
  "sequence-start": tag.VIDEO_SEQUENCE_START,
  frame: tag.VIDEO_CODED_FRAMES,
  "sequence-end": tag.VIDEO_SEQUENCE_END,
  metadata: tag.VIDEO_METADATA,
};

/**
 * The body of a video message. H.264 in the legacy form that every server reads, all else as Enhanced RTMP;
 * an enhanced frame without composition time as CodedFramesX. `data` is copied.
 * @throws MediaError "malformed" (composition time out of 24 bits), "unsupported" (no legacy form).
 */
export function encodeVideoTagBody(input: VideoTagInput): Uint8Array {
  const { codec, kind, isKeyframe, compositionTimeMs = 0, data, enhanced = codec !== "avc1" } = input;
  if (
    !Number.isInteger(compositionTimeMs) ||
    compositionTimeMs < -0x80_0000 ||
    compositionTimeMs > 0x7f_ffff
  ) {
    throw new MediaError("malformed", "composition time does not fit 24 bits", {
      field: "flv.compositionTime",
      actual: compositionTimeMs,
    });
  }
  const writer = new ByteWriter(8 + (data?.length ?? 0));
  const frameType = isKeyframe || kind === "sequence-start" ? 1 : 2;
  if (enhanced) {
    const timed = kind === "frame" && tag.hasCompositionTime(codec);
    const packetType = timed && compositionTimeMs === 0 ? tag.VIDEO_CODED_FRAMES_X : PACKET_TYPES[kind];
    writer.u8(0x80 | (frameType << 4) | packetType);
    writer.text(codec);
    if (timed && compositionTimeMs !== 0) writer.u24(compositionTimeMs);
  } else {
    if (codec !== "avc1" || kind === "metadata") {
      throw new MediaError("unsupported", "no legacy FLV form", { field: "flv.codec" });
    }
    writer.u8((frameType << 4) | 7);
    writer.u8(PACKET_TYPES[kind]);
    writer.u24(kind === "frame" ? compositionTimeMs : 0);
  }
  if (data) writer.bytes(data);
  return writer.finish();
}
