import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../media-error.ts";
import { type RawTrack, readFourCc, readModEx, readTracks } from "./ex-header.ts";
import type { FlvVideoCodec, VideoFrameType, VideoTag, VideoTagKind, VideoTrack } from "./video-tag.ts";
import * as tag from "./video-tag.ts";

const NO_DATA = new Uint8Array(0);
const NO_TRACKS: readonly VideoTrack[] = [];

/** Kinds by VideoPacketType 0 to 5; CodedFramesX is a frame without composition time. */
const KINDS: readonly VideoTagKind[] = [
  "sequence-start",
  "frame",
  "sequence-end",
  "frame",
  "metadata",
  "mpeg2ts-sequence-start",
];

function readFrameType(value: number): VideoFrameType {
  const frameType = tag.VIDEO_FRAME_TYPES[value];
  if (frameType) return frameType;
  throw new MediaError("malformed", "reserved frame type", { field: "flv.frameType", actual: value });
}

function isKey(frameType: VideoFrameType): boolean {
  return frameType === "key" || frameType === "generated-key";
}

/**
 * Parses the body of a video message, legacy or Enhanced RTMP v2. The first byte tells them apart: bit 7 is
 * IsExHeader, then `frameType(3) packetType(4)`; without it `frameType(4) codecId(4)`. `data` are views of `body`.
 * @throws MediaError "truncated", "malformed", "unsupported" (codec), "too-many" (tracks).
 */
export function parseVideoTagBody(body: Uint8Array): VideoTag {
  const reader = new ByteReader(body, "flv.video");
  const first = reader.u8();
  return (first & 0x80) !== 0 ? parseEnhanced(reader, first) : parseLegacy(reader, first);
}

function command(enhanced: boolean, data: Uint8Array): VideoTag {
  return {
    enhanced,
    frameType: "command",
    isKeyframe: false,
    kind: "command",
    codec: undefined,
    trackId: 0,
    compositionTimeMs: 0,
    timestampOffsetNs: 0,
    multitrack: false,
    data,
    otherTracks: NO_TRACKS,
  };
}

/** CodecID: 7 = AVC; 12 = HEVC as senders without Enhanced RTMP write it. */
function legacyCodec(codecId: number): FlvVideoCodec {
  if (codecId === 7) return "avc1";
  if (codecId === 12) return "hvc1";
  throw new MediaError("unsupported", "FLV video codec", { field: "flv.codecId", actual: codecId });
}

function parseLegacy(reader: ByteReader, first: number): VideoTag {
  const frameType = readFrameType(first >>> 4);
  if (frameType === "command") return command(false, reader.rest());
  const codec = legacyCodec(first & 15);
  // AVCPacketType(8) CompositionTime(24), FLV §E.4.3.1.
  const packetType = reader.u8();
  if (packetType > 2) {
    throw new MediaError("malformed", "AVC packet type", { field: "flv.avcPacketType", actual: packetType });
  }
  // Some senders end the sequence with the two bytes alone.
  const compositionTimeMs = packetType === tag.VIDEO_SEQUENCE_END && reader.left < 3 ? 0 : reader.i24();
  const kind = KINDS[packetType] as VideoTagKind;
  return {
    enhanced: false,
    frameType,
    isKeyframe: isKey(frameType),
    kind,
    codec,
    trackId: 0,
    compositionTimeMs: kind === "frame" ? compositionTimeMs : 0,
    timestampOffsetNs: 0,
    multitrack: false,
    data: kind === "sequence-end" ? NO_DATA : reader.rest(),
    otherTracks: NO_TRACKS,
  };
}

function parseEnhanced(reader: ByteReader, first: number): VideoTag {
  const frameType = readFrameType((first >>> 4) & 7);
  const modEx = readModEx(reader, first & 15);
  let { packetType } = modEx;
  // A command has one byte and no fourCC, unless the packet is metadata.
  if (frameType === "command" && packetType !== tag.VIDEO_METADATA) return command(true, reader.rest());
  const multitrack = packetType === tag.VIDEO_MULTITRACK;
  let rawTracks: readonly RawTrack[];
  if (multitrack) {
    const types = reader.u8();
    packetType = types & 15;
    rawTracks = readTracks(reader, types >>> 4);
  } else {
    const fourCc = readFourCc(reader);
    rawTracks = [{ trackId: 0, fourCc, body: reader.rest() }];
  }
  const kind = KINDS[packetType];
  if (!kind) {
    throw new MediaError("unsupported", "video packet type", { field: "flv.packetType", actual: packetType });
  }
  const [track, ...otherTracks] = rawTracks.map((raw) => parseTrack(raw, packetType));
  if (!track)
    throw new MediaError("malformed", "multitrack message without a track", { field: "flv.tracks" });
  return {
    enhanced: true,
    frameType,
    isKeyframe: isKey(frameType),
    kind,
    ...track,
    timestampOffsetNs: modEx.timestampOffsetNs,
    multitrack,
    otherTracks,
  };
}

function parseTrack({ trackId, fourCc, body }: RawTrack, packetType: number): VideoTrack {
  if (!tag.VIDEO_CODECS.has(fourCc)) {
    throw new MediaError("unsupported", "video codec is not known", { field: "flv.fourCc" });
  }
  const codec = fourCc as FlvVideoCodec;
  if (packetType !== tag.VIDEO_CODED_FRAMES || !tag.hasCompositionTime(codec)) {
    return { trackId, codec, compositionTimeMs: 0, data: body };
  }
  const reader = new ByteReader(body, "flv.video");
  const compositionTimeMs = reader.i24();
  return { trackId, codec, compositionTimeMs, data: reader.rest() };
}
