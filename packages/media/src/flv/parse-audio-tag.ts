import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../media-error.ts";
import type { AudioTag, AudioTagKind, AudioTrack, FlvAudioCodec } from "./audio-tag.ts";
import * as tag from "./audio-tag.ts";
import { type RawTrack, readFourCc, readModEx, readTracks } from "./ex-header.ts";

const NO_TRACKS: readonly AudioTrack[] = [];

function kindOf(packetType: number): AudioTagKind {
  if (packetType === tag.AUDIO_SEQUENCE_START) return "sequence-start";
  if (packetType === tag.AUDIO_CODED_FRAMES) return "frame";
  if (packetType === tag.AUDIO_SEQUENCE_END) return "sequence-end";
  if (packetType === tag.AUDIO_MULTICHANNEL_CONFIG) return "multichannel-config";
  throw new MediaError("unsupported", "audio packet type", { field: "flv.packetType", actual: packetType });
}

/**
 * Parses the body of an audio message, legacy or Enhanced RTMP v2. First byte: `soundFormat(4) rate(2) size(1)
 * type(1)`; soundFormat 9 makes the lower half the AudioPacketType. `data` are views of `body`.
 * @throws MediaError "truncated", "malformed", "unsupported" (codec), "too-many" (tracks).
 */
export function parseAudioTagBody(body: Uint8Array): AudioTag {
  const reader = new ByteReader(body, "flv.audio");
  const first = reader.u8();
  const format = first >>> 4;
  if (format === tag.SOUND_EX_HEADER) return parseEnhanced(reader, first & 15);
  let kind: AudioTagKind = "frame";
  if (format === tag.SOUND_AAC) {
    // AACPacketType: 0 config, 1 frame. Rate, size and type bits are fixed for AAC and carry nothing.
    const packetType = reader.u8();
    if (packetType > 1) {
      throw new MediaError("malformed", "AAC packet type", {
        field: "flv.aacPacketType",
        actual: packetType,
      });
    }
    kind = packetType === 0 ? "sequence-start" : "frame";
  } else if (format !== tag.SOUND_MP3) {
    throw new MediaError("unsupported", "FLV sound format", { field: "flv.soundFormat", actual: format });
  }
  return {
    enhanced: false,
    kind,
    codec: format === tag.SOUND_AAC ? "mp4a" : ".mp3",
    trackId: 0,
    data: reader.rest(),
    timestampOffsetNs: 0,
    multitrack: false,
    otherTracks: NO_TRACKS,
  };
}

function parseEnhanced(reader: ByteReader, firstPacketType: number): AudioTag {
  const modEx = readModEx(reader, firstPacketType);
  let { packetType } = modEx;
  const multitrack = packetType === tag.AUDIO_MULTITRACK;
  let rawTracks: readonly RawTrack[];
  if (multitrack) {
    const types = reader.u8();
    packetType = types & 15;
    rawTracks = readTracks(reader, types >>> 4);
  } else {
    const fourCc = readFourCc(reader);
    rawTracks = [{ trackId: 0, fourCc, body: reader.rest() }];
  }
  const kind = kindOf(packetType);
  const [track, ...otherTracks] = rawTracks.map(parseTrack);
  if (!track)
    throw new MediaError("malformed", "multitrack message without a track", { field: "flv.tracks" });
  return {
    enhanced: true,
    kind,
    ...track,
    timestampOffsetNs: modEx.timestampOffsetNs,
    multitrack,
    otherTracks,
  };
}

function parseTrack({ trackId, fourCc, body }: RawTrack): AudioTrack {
  if (!tag.AUDIO_CODECS.has(fourCc)) {
    throw new MediaError("unsupported", "audio codec is not known", { field: "flv.fourCc" });
  }
  return { trackId, codec: fourCc as FlvAudioCodec, data: body };
}
