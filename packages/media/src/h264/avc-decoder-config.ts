import { ByteReader } from "../bytes/byte-reader.ts";
import { ByteWriter } from "../bytes/byte-writer.ts";
import { MediaError } from "../media-error.ts";
import type { NalLengthSize } from "../nal/length-prefixed.ts";
import { parseSps } from "./sps.ts";

/**
 * AVCDecoderConfigurationRecord ("avcC"), ISO/IEC 14496-15 §5.3.3.1:
 * `version(8) profile(8) compatibility(8) level(8) 111111 lengthSizeMinusOne(2) 111 numSps(5) {length(16) sps}…
 * numPps(8) {length(16) pps}…`, then chroma and bit depth for the high profiles.
 */
export interface AvcDecoderConfig {
  readonly profileIdc: number;
  readonly constraintFlags: number;
  readonly levelIdc: number;
  readonly nalLengthSize: NalLengthSize;
  /** NAL units, header byte first; views of the record. */
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

/** 31 SPS and 255 PPS at usual sizes. */
export const MAX_AVC_DECODER_CONFIG_BYTES = 64 * 1024;

function readSets(reader: ByteReader, count: number): Uint8Array[] {
  const sets: Uint8Array[] = [];
  for (let i = 0; i < count; i += 1) {
    const nal = reader.take(reader.u16());
    if (nal.length === 0) throw new MediaError("malformed", "empty parameter set", { field: "avcC" });
    sets.push(nal);
  }
  return sets;
}

/** @throws MediaError "truncated", "malformed" (version, length size 3), "too-large". */
export function parseAvcDecoderConfig(avcC: Uint8Array): AvcDecoderConfig {
  if (avcC.length > MAX_AVC_DECODER_CONFIG_BYTES) {
    throw new MediaError("too-large", "avcC over the size limit", {
      field: "avcC",
      limit: MAX_AVC_DECODER_CONFIG_BYTES,
    });
  }
  const reader = new ByteReader(avcC, "avcC");
  const version = reader.u8();
  if (version !== 1) {
    throw new MediaError("malformed", "unknown avcC version", {
      field: "avcC.configurationVersion",
      actual: version,
    });
  }
  const profileIdc = reader.u8();
  const constraintFlags = reader.u8();
  const levelIdc = reader.u8();
  const nalLengthSize = 1 + (reader.u8() & 3);
  if (nalLengthSize === 3) {
    throw new MediaError("malformed", "NAL length of 3 bytes", {
      field: "avcC.lengthSizeMinusOne",
      actual: 3,
    });
  }
  const sps = readSets(reader, reader.u8() & 0x1f);
  const pps = readSets(reader, reader.u8());
  return { profileIdc, constraintFlags, levelIdc, nalLengthSize: nalLengthSize as NalLengthSize, sps, pps };
}

/** Profiles whose record ends with chroma format and bit depths (§5.3.3.1.2). */
const PROFILES_WITH_CHROMA: ReadonlySet<number> = new Set([100, 110, 122, 144]);

/** Builds the record. @throws MediaError "missing-sps", "missing-pps", "too-many", or as `parseSps`. */
export function buildAvcDecoderConfig(
  sets: { readonly sps: readonly Uint8Array[]; readonly pps: readonly Uint8Array[] },
  nalLengthSize: NalLengthSize = 4,
): Uint8Array {
  const [first] = sets.sps;
  if (!first) throw new MediaError("missing-sps", "avcC needs an SPS", { field: "avcC" });
  if (sets.pps.length === 0) throw new MediaError("missing-pps", "avcC needs a PPS", { field: "avcC" });
  if (sets.sps.length > 31 || sets.pps.length > 255) {
    throw new MediaError("too-many", "too many parameter sets", { field: "avcC" });
  }
  const sps = parseSps(first);
  const writer = new ByteWriter(128);
  writer.u8(1);
  writer.u8(sps.profileIdc);
  writer.u8(sps.constraintFlags);
  writer.u8(sps.levelIdc);
  writer.u8(0xfc | (nalLengthSize - 1));
  writer.u8(0xe0 | sets.sps.length);
  for (const nal of sets.sps) writeSet(writer, nal);
  writer.u8(sets.pps.length);
  for (const nal of sets.pps) writeSet(writer, nal);
  if (PROFILES_WITH_CHROMA.has(sps.profileIdc)) {
    writer.u8(0xfc | sps.chromaFormatIdc);
    writer.u8(0xf8 | (sps.bitDepthLuma - 8));
    writer.u8(0xf8 | (sps.bitDepthChroma - 8));
    writer.u8(0); // SPS extensions
  }
  return writer.finish();
}

function writeSet(writer: ByteWriter, nal: Uint8Array): void {
  if (nal.length > 0xffff) {
    throw new MediaError("too-large", "parameter set over 64 KB", { field: "avcC", limit: 0xffff });
  }
  writer.u16(nal.length);
  writer.bytes(nal);
}
