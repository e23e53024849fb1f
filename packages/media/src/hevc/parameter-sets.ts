import { BitReader } from "../bytes/bit-reader.ts";
import { MediaError } from "../media-error.ts";
import { removeEmulationPrevention } from "../nal/emulation-prevention.ts";
import { HEVC_PPS, HEVC_VPS, hevcNalUnitType } from "./nal-unit-type.ts";
import { type ProfileTierLevel, readProfileTierLevel } from "./profile-tier-level.ts";

/** What is read stands in the first 32 bytes. */
const HEAD_BYTES = 32;

function headReader(nal: Uint8Array, type: number, field: string): BitReader {
  if (hevcNalUnitType(nal[0]) !== type)
    throw new MediaError("malformed", `not a ${field} NAL unit`, { field });
  const reader = new BitReader(removeEmulationPrevention(nal.subarray(0, HEAD_BYTES)), field);
  reader.skip(16);
  return reader;
}

/** The front of a video parameter set, ITU-T H.265 §7.3.2.1. */
export interface HevcVps extends ProfileTierLevel {
  readonly vpsId: number;
  readonly maxLayers: number;
  readonly maxSubLayers: number;
}

/** @throws MediaError "malformed", "truncated". */
export function parseHevcVps(nal: Uint8Array): HevcVps {
  const reader = headReader(nal, HEVC_VPS, "VPS");
  const vpsId = reader.bits(4);
  reader.skip(2); // vps_base_layer_internal_flag, vps_base_layer_available_flag
  const maxLayers = 1 + reader.bits(6);
  const maxSubLayers = 1 + reader.bits(3);
  reader.skip(17); // vps_temporal_id_nesting_flag, vps_reserved_0xffff_16bits
  return { vpsId, maxLayers, maxSubLayers, ...readProfileTierLevel(reader) };
}

/** The front of a picture parameter set, §7.3.2.3.1. */
export interface HevcPps {
  readonly ppsId: number;
  readonly spsId: number;
}

/** @throws MediaError "malformed", "truncated". */
export function parseHevcPps(nal: Uint8Array): HevcPps {
  const reader = headReader(nal, HEVC_PPS, "PPS");
  return {
    ppsId: reader.ue("pps_pic_parameter_set_id", 63),
    spsId: reader.ue("pps_seq_parameter_set_id", 15),
  };
}
