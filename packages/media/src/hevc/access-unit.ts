import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart, joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { DEFAULT_NAL_LIMITS, type NalLimits } from "../nal/limits.ts";
import * as nut from "./nal-unit-type.ts";
import { hevcNalUnitType, isHevcSlice, isIrap } from "./nal-unit-type.ts";

/** Parameter sets that apply to the stream, e.g. those of the hvcC record. */
export interface HevcParameterSets {
  readonly vps: readonly Uint8Array[];
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

const DROPPED = 99;

/** Place in an access unit, ITU-T H.265 §7.4.2.4.4; filler data and unspecified types are left out. */
function placeOf(type: number): number {
  if (isHevcSlice(type)) return 5;
  switch (type) {
    case nut.HEVC_AUD:
      return 0;
    case nut.HEVC_VPS:
      return 1;
    case nut.HEVC_SPS:
      return 2;
    case nut.HEVC_PPS:
      return 3;
    case nut.HEVC_PREFIX_SEI:
      return 4;
    // Suffix SEI stays where it is between and behind the slices.
    case nut.HEVC_SUFFIX_SEI:
      return 5;
    case nut.HEVC_END_OF_SEQUENCE:
    case nut.HEVC_END_OF_BITSTREAM:
      return 6;
    default:
      return DROPPED;
  }
}

/**
 * One access unit as Canopy sends it: four-byte start codes, the order AUD, VPS, SPS, PPS, prefix SEI, slices, and
 * parameter sets in front of every picture at which decoding can start. Those given are used kind by kind where the
 * access unit has none of its own. Always a new buffer.
 * @throws MediaError "missing-slice", "missing-sps" (also for a VPS), "missing-pps", "malformed", "too-large", "too-many".
 */
export function normalizeHevcAccessUnit(
  annexB: Uint8Array,
  given: HevcParameterSets,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): Uint8Array<ArrayBuffer> {
  const nals = splitAnnexB(annexB, limits).filter((nal) => placeOf(hevcNalUnitType(nal[0])) !== DROPPED);
  const types = nals.map((nal) => hevcNalUnitType(nal[0]));
  if (!types.some(isHevcSlice)) throw new MediaError("missing-slice", "access unit without a slice");
  if (types.some(isIrap)) {
    if (!types.includes(nut.HEVC_VPS)) nals.push(...given.vps);
    if (!types.includes(nut.HEVC_SPS)) nals.push(...given.sps);
    if (!types.includes(nut.HEVC_PPS)) nals.push(...given.pps);
    const complete = nals.map((nal) => hevcNalUnitType(nal[0]));
    if (!complete.includes(nut.HEVC_VPS) || !complete.includes(nut.HEVC_SPS)) {
      throw new MediaError("missing-sps", "random access picture without VPS and SPS");
    }
    if (!complete.includes(nut.HEVC_PPS))
      throw new MediaError("missing-pps", "random access picture without a PPS");
  }
  // Sorting is stable, so slices and SEI keep their order.
  nals.sort((a, b) => placeOf(hevcNalUnitType(a[0])) - placeOf(hevcNalUnitType(b[0])));
  return joinAnnexB(nals);
}

/** True if the first slice belongs to a picture at which decoding can start. Stops there. */
export function isHevcKeyframe(annexB: Uint8Array): boolean {
  let start = firstNalStart(annexB);
  while (start >= 0) {
    const type = hevcNalUnitType(annexB[start]);
    if (isHevcSlice(type)) return isIrap(type);
    const code = findStartCode(annexB, start);
    start = code < 0 ? -1 : code + 3;
  }
  return false;
}
