import type { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../media-error.ts";

/** What is the same in ExVideoTagHeader and ExAudioTagHeader of Enhanced RTMP v2: ModEx prefixes and track lists. */

/** VideoPacketType.ModEx and AudioPacketType.ModEx. */
export const PACKET_MOD_EX = 7;
/** VideoPacketModExType.TimestampOffsetNano. */
const MOD_EX_TIMESTAMP_OFFSET_NANO = 0;
/** One type is defined; more than a few in a row is an attack or noise. */
const MAX_MOD_EX = 16;

// AvMultitrackType.
const ONE_TRACK = 0;
const MANY_TRACKS_MANY_CODECS = 2;
/** trackId is a byte, but every track is an object in memory. */
const MAX_TRACKS = 16;

export interface ModEx {
  /** The packet type behind the prefixes. */
  readonly packetType: number;
  readonly timestampOffsetNs: number;
}

/**
 * Reads ModEx prefixes: `size(8)+1, or size(16)+1 when the first gives 256; data; modExType(4) packetType(4)`, repeated
 * while packetType is ModEx again.
 */
export function readModEx(reader: ByteReader, firstPacketType: number): ModEx {
  let packetType = firstPacketType;
  let timestampOffsetNs = 0;
  for (let count = 0; packetType === PACKET_MOD_EX; count += 1) {
    if (count === MAX_MOD_EX) {
      throw new MediaError("too-many", "too many ModEx prefixes", { field: "flv.modEx", limit: MAX_MOD_EX });
    }
    let size = reader.u8() + 1;
    if (size === 256) size = reader.u16() + 1;
    const data = reader.take(size);
    const types = reader.u8();
    packetType = types & 15;
    if (types >>> 4 === MOD_EX_TIMESTAMP_OFFSET_NANO && size >= 3) {
      timestampOffsetNs = ((data[0] as number) << 16) | ((data[1] as number) << 8) | (data[2] as number);
    }
  }
  return { packetType, timestampOffsetNs };
}

export interface RawTrack {
  readonly trackId: number;
  readonly fourCc: string;
  readonly body: Uint8Array;
}

export function readFourCc(reader: ByteReader): string {
  return String.fromCharCode(reader.u8(), reader.u8(), reader.u8(), reader.u8());
}

/** The tracks of a multitrack body: `[fourCc] { [fourCc] trackId(8) [size(24)] body }…`. */
export function readTracks(reader: ByteReader, multitrackType: number): RawTrack[] {
  if (multitrackType > MANY_TRACKS_MANY_CODECS) {
    throw new MediaError("unsupported", "multitrack type", {
      field: "flv.multitrackType",
      actual: multitrackType,
    });
  }
  const shared = multitrackType === MANY_TRACKS_MANY_CODECS ? undefined : readFourCc(reader);
  const tracks: RawTrack[] = [];
  do {
    if (tracks.length === MAX_TRACKS) {
      throw new MediaError("too-many", "too many tracks in one message", {
        field: "flv.tracks",
        limit: MAX_TRACKS,
      });
    }
    const fourCc = shared ?? readFourCc(reader);
    const trackId = reader.u8();
    const body = multitrackType === ONE_TRACK ? reader.rest() : reader.take(reader.u24());
    tracks.push({ trackId, fourCc, body });
  } while (multitrackType !== ONE_TRACK && reader.left > 0);
  return tracks;
}
