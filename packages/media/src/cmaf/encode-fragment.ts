import { BoxWriter } from "./box-writer.ts";
import { CMAF_TRACK_ID } from "./cmaf-track.ts";

/** One coded frame, in the track's timescale. */
export interface CmafSample {
  readonly data: Uint8Array;
  readonly duration: number;
  /** Presentation minus decoding time; may be negative. */
  readonly compositionOffset: number;
  readonly isSync: boolean;
}

export interface CmafFragment {
  /** Counts the fragments of the track, from 1. */
  readonly sequence: number;
  /** Of the first sample, in the track's timescale. */
  readonly baseDecodeTime: number;
  readonly samples: readonly CmafSample[];
  /** Boxes that stand in front of the fragment, such as `emsg`. */
  readonly events?: readonly Uint8Array[];
}

/** tfhd: default-base-is-moof (ISO/IEC 14496-12 §8.8.7). */
const DEFAULT_BASE_IS_MOOF = 0x2_0000;
/** trun: data offset; duration, size, flags and composition offset of each sample (§8.8.8). */
const DATA_OFFSET = 0x1;
const EACH_SAMPLE = 0x100 | 0x200 | 0x400 | 0x800;
/** sample_flags (§8.8.3.1): depends on no other; depends on others and is no sync sample. */
const SYNC_FLAGS = 0x0200_0000;
const NON_SYNC_FLAGS = 0x0101_0000;
/** moof, mfhd, traf, tfhd, tfdt, trun without samples, mdat's header, with room to spare. */
const FIXED_BYTES = 160;
const BYTES_PER_SAMPLE = 16;

/** One CMAF chunk (ISO/IEC 23000-19 §7.3.2.3): `emsg`s, `moof`, `mdat`. The data is copied. */
export function encodeFragment(fragment: CmafFragment): Uint8Array<ArrayBuffer> {
  const { samples, events = [] } = fragment;
  let capacity = FIXED_BYTES + BYTES_PER_SAMPLE * samples.length;
  for (const { data } of samples) capacity += data.length;
  for (const event of events) capacity += event.length;
  const writer = new BoxWriter(capacity);
  for (const event of events) writer.bytes(event);
  const moofStart = writer.length;
  writer.begin("moof");
  writer.beginFull("mfhd");
  writer.u32(fragment.sequence);
  writer.end();
  writer.begin("traf");
  writer.beginFull("tfhd", 0, DEFAULT_BASE_IS_MOOF);
  writer.u32(CMAF_TRACK_ID);
  writer.end();
  writer.beginFull("tfdt", 1);
  writer.u64(fragment.baseDecodeTime);
  writer.end();
  // Version 1: composition offsets are signed.
  writer.beginFull("trun", 1, DATA_OFFSET | EACH_SAMPLE);
  writer.u32(samples.length);
  const offsetPlace = writer.length;
  writer.u32(0);
  for (const sample of samples) {
    writer.u32(sample.duration);
    writer.u32(sample.data.length);
    writer.u32(sample.isSync ? SYNC_FLAGS : NON_SYNC_FLAGS);
    writer.i32(sample.compositionOffset);
  }
  writer.end();
  writer.end();
  writer.end();
  writer.begin("mdat");
  writer.patchU32(offsetPlace, writer.length - moofStart);
  for (const { data } of samples) writer.bytes(data);
  writer.end();
  return writer.finish();
}
