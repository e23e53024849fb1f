/** Codecs by the fourCC of Enhanced RTMP; H.264 also comes in the legacy form. */
export type FlvVideoCodec = "avc1" | "hvc1" | "av01" | "vp08" | "vp09" | "vvc1";

export const VIDEO_CODECS: ReadonlySet<string> = new Set(["avc1", "hvc1", "av01", "vp08", "vp09", "vvc1"]);

export type VideoFrameType = "key" | "inter" | "disposable" | "generated-key" | "command";

/** FrameType, FLV §E.4.3.1; index is the value. */
export const VIDEO_FRAME_TYPES: readonly (VideoFrameType | undefined)[] = [
  undefined,
  "key",
  "inter",
  "disposable",
  "generated-key",
  "command",
];

export type VideoTagKind =
  /** `data` is the decoder configuration: avcC, hvcC, av1C… */
  | "sequence-start"
  /** `data` is length-prefixed NAL units, or OBUs for AV1. */
  | "frame"
  | "sequence-end"
  /** `data` is AMF0, e.g. `colorInfo`. */
  | "metadata"
  | "mpeg2ts-sequence-start"
  /** Seeking hints to players; no media. */
  | "command";

export interface VideoTrack {
  readonly trackId: number;
  readonly codec: FlvVideoCodec;
  /** Presentation minus decoding time, ms; may be negative. */
  readonly compositionTimeMs: number;
  /** A view of the body. */
  readonly data: Uint8Array;
}

/** The body of an FLV video tag or RTMP video message (type 9). The fields of `VideoTrack` are the first track's. */
export interface VideoTag extends Omit<VideoTrack, "codec"> {
  /** Undefined for a command. */
  readonly codec: FlvVideoCodec | undefined;
  /** Enhanced RTMP form. */
  readonly enhanced: boolean;
  readonly frameType: VideoFrameType;
  readonly isKeyframe: boolean;
  readonly kind: VideoTagKind;
  /** To be added to the message's timestamp (ModEx). */
  readonly timestampOffsetNs: number;
  readonly multitrack: boolean;
  /** Of a multitrack message, behind the first. */
  readonly otherTracks: readonly VideoTrack[];
}

// VideoPacketType, Enhanced RTMP v2.
export const VIDEO_SEQUENCE_START = 0;
export const VIDEO_CODED_FRAMES = 1;
export const VIDEO_SEQUENCE_END = 2;
export const VIDEO_CODED_FRAMES_X = 3;
export const VIDEO_METADATA = 4;
export const VIDEO_MPEG2TS_SEQUENCE_START = 5;
export const VIDEO_MULTITRACK = 6;

/** Codecs whose CodedFrames begin with a composition time. */
export function hasCompositionTime(codec: FlvVideoCodec): boolean {
  return codec === "avc1" || codec === "hvc1" || codec === "vvc1";
}
