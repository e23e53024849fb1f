import { MediaError } from "../media-error.ts";
import { BoxWriter } from "./box-writer.ts";
import { CMAF_TRACK_ID, type CmafTrack } from "./cmaf-track.ts";
import { writeAudioEntry, writeVideoEntry } from "./sample-entry.ts";

/** One byte holds the lengths of `esds`; real configurations have 2 to 32 bytes. */
export const MAX_AUDIO_CONFIG_BYTES = 64;
const IDENTITY_MATRIX: readonly number[] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000];
/** tkhd: enabled, in the movie, in the preview. */
const TRACK_FLAGS = 7;
/** dref: the media is in this file. */
const SELF_CONTAINED = 1;
/** "und" in five-bit letters. */
const LANGUAGE_UNDETERMINED = 0x55c4;
const VOLUME_FULL = 0x0100;

/**
 * A CMAF header (ISO/IEC 23000-19 §7.3.1) of one track: `ftyp` and a `moov` without samples.
 * @throws MediaError "too-large", and as the decoder configuration's parser.
 */
export function encodeInitSegment(track: CmafTrack): Uint8Array<ArrayBuffer> {
  if (track.kind === "audio" && track.config.length > MAX_AUDIO_CONFIG_BYTES) {
    throw new MediaError("too-large", "audio configuration over the limit of a CMAF header", {
      field: "esds",
      limit: MAX_AUDIO_CONFIG_BYTES,
      actual: track.config.length,
    });
  }
  const writer = new BoxWriter(1_024);
  writer.begin("ftyp");
  writer.text("iso6");
  writer.u32(0);
  for (const brand of ["iso6", "cmfc", "mp41"]) writer.text(brand);
  writer.end();
  writer.begin("moov");
  writeMovieHeader(writer);
  writer.begin("trak");
  writeTrackHeader(writer, track);
  writeMedia(writer, track);
  writer.end();
  writer.begin("mvex");
  writer.beginFull("trex");
  writer.u32(CMAF_TRACK_ID);
  writer.u32(1); // default_sample_description_index
  writer.zeros(12); // duration, size and flags stand in every fragment
  writer.end();
  writer.end();
  writer.end();
  return writer.finish();
}

function writeMatrix(writer: BoxWriter): void {
  for (const value of IDENTITY_MATRIX) writer.u32(value);
}

function writeMovieHeader(writer: BoxWriter): void {
  writer.beginFull("mvhd");
  writer.zeros(8); // times: the same stream gives the same bytes
  writer.u32(1_000);
  writer.u32(0); // duration: that of the fragments
  writer.u32(0x10000); // rate
  writer.u16(VOLUME_FULL);
  writer.zeros(10);
  writeMatrix(writer);
  writer.zeros(24);
  writer.u32(CMAF_TRACK_ID + 1); // next_track_ID
  writer.end();
}

function writeTrackHeader(writer: BoxWriter, track: CmafTrack): void {
  writer.beginFull("tkhd", 0, TRACK_FLAGS);
  writer.zeros(8);
  writer.u32(CMAF_TRACK_ID);
  writer.zeros(4 + 4 + 8);
  writer.u16(0); // layer
  writer.u16(0); // alternate_group
  writer.u16(track.kind === "audio" ? VOLUME_FULL : 0);
  writer.u16(0);
  writeMatrix(writer);
  if (track.kind === "video") {
    const [horizontal, vertical] = track.aspect ?? [1, 1];
    // 16.16 of what is shown, which a sample aspect ratio stretches.
    writer.u32(Math.min(0xffff, Math.round((track.width * horizontal) / vertical)) * 0x10000);
    writer.u32(track.height * 0x10000);
  } else writer.zeros(8);
  writer.end();
}

function writeMedia(writer: BoxWriter, track: CmafTrack): void {
  writer.begin("mdia");
  writer.beginFull("mdhd");
  writer.zeros(8);
  writer.u32(track.timescale);
  writer.u32(0);
  writer.u16(LANGUAGE_UNDETERMINED);
  writer.u16(0);
  writer.end();
  writer.beginFull("hdlr");
  writer.u32(0);
  writer.text(track.kind === "video" ? "vide" : "soun");
  writer.zeros(12);
  writer.cString("Canopy");
  writer.end();
  writer.begin("minf");
  if (track.kind === "video") {
    writer.beginFull("vmhd", 0, 1);
    writer.zeros(8);
  } else {
    writer.beginFull("smhd");
    writer.zeros(4);
  }
  writer.end();
  writer.begin("dinf");
  writer.beginFull("dref");
  writer.u32(1);
  writer.beginFull("url ", 0, SELF_CONTAINED);
  writer.end();
  writer.end();
  writer.end();
  writer.begin("stbl");
  writer.beginFull("stsd");
  writer.u32(1);
  if (track.kind === "video") writeVideoEntry(writer, track);
  else writeAudioEntry(writer, track);
  writer.end();
  // Empty tables: all samples are in fragments.
  for (const table of ["stts", "stsc", "stco"]) {
    writer.beginFull(table);
    writer.u32(0);
    writer.end();
  }
  writer.beginFull("stsz");
  writer.zeros(8);
  writer.end();
  writer.end();
  writer.end();
  writer.end();
}
