import { BitReader } from "../bytes/bit-reader.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { NAL_SPS, nalUnitType } from "./nal-unit-type.ts";

/** The ids stand in the first bytes; the rest of a large set need not be unescaped. */
const HEAD_BYTES = 16;

/** seq_parameter_set_id of an SPS, or pic_parameter_set_id of a PPS (§7.3.2.1.1, §7.3.2.2). */
export function parameterSetId(nal: Uint8Array): number {
  const reader = new BitReader(removeEmulationPrevention(nal.subarray(0, HEAD_BYTES)), "parameter set");
  const isSps = nalUnitType(nal[0]) === NAL_SPS;
  reader.skip(isSps ? 32 : 8);
  return reader.ue("id", isSps ? 31 : 255);
}
