import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart, nalEnd, writeNal } from "../nal/annex-b.ts";
import { DEFAULT_NAL_LIMITS, type NalLimits, nalTooLarge, tooManyNals } from "../nal/limits.ts";
import { isSlice, NAL_IDR, NAL_PPS, NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { parameterSetId } from "./parameter-set-id.ts";

/** Parameter sets that apply to the stream, e.g. those of the avcC record. NAL units without start codes. */
export interface ParameterSets {
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

// Places in an access unit, ISO/IEC 14496-10 §7.4.1.2.3.
const AUD = 0;
const SPS = 1;
const PPS = 2;
const SEI = 3;
const PICTURE = 4;
const END = 5;
const DROPPED = 6;

/**
 * Place by nal_unit_type. SPS extension and subset SPS go with the SPS; the end markers come last. Filler data and
 * unspecified types are left out: decoders ignore them, and they would only cost bandwidth.
 */
// biome-ignore format: eight types a line.
const PLACES: readonly number[] = [
  DROPPED, PICTURE, PICTURE, PICTURE, PICTURE, PICTURE, SEI, SPS,
  PPS, AUD, END, END, DROPPED, SPS, PICTURE, SPS,
  SPS, PICTURE, PICTURE, PICTURE, PICTURE, PICTURE, PICTURE, PICTURE,
];

interface Unit {
  readonly nal: Uint8Array;
  readonly place: number;
}

function withoutKnown(given: readonly Uint8Array[], inBand: readonly Uint8Array[]): readonly Uint8Array[] {
  if (inBand.length === 0) return given;
  const ids = new Set(inBand.map(parameterSetId));
  return given.filter((nal) => !ids.has(parameterSetId(nal)));
}

/** Given parameter sets that an IDR has to carry and does not; one in the access unit wins over a given one. */
function setsToAdd(units: readonly Unit[], given: ParameterSets): Uint8Array[] {
  const own = (type: number) => units.map((unit) => unit.nal).filter((nal) => nalUnitType(nal[0]) === type);
  const ownSps = own(NAL_SPS);
  const ownPps = own(NAL_PPS);
  const sps = withoutKnown(given.sps, ownSps);
  const pps = withoutKnown(given.pps, ownPps);
  if (sps.length + ownSps.length === 0) throw new MediaError("missing-sps", "IDR without an SPS");
  if (pps.length + ownPps.length === 0) throw new MediaError("missing-pps", "IDR without a PPS");
  return [...sps, ...pps];
}

/**
 * One access unit in the form in which Canopy sends it: Annex B with four-byte start codes, in the order
 * AUD, SPS, PPS, SEI, slices, with the parameter sets in front of every IDR.
 *
 * `given` are the stream's parameter sets; those inside the access unit win over given ones of the same id.
 * Returns the input itself when it already has this form, else a new buffer.
 * @throws MediaError "missing-slice" (nothing to show: do not send it), "missing-sps", "missing-pps", "malformed",
 * "too-large", "too-many".
 */
export function normalizeAccessUnit(
  annexB: Uint8Array,
  given: ParameterSets,
  limits: NalLimits = DEFAULT_NAL_LIMITS,
): Uint8Array {
  const units: Unit[] = [];
  let start = firstNalStart(annexB);
  let count = 0;
  let total = 0;
  let lastPlace = AUD;
  let expectedStart = 4;
  let isNormal = true;
  let hasSlice = false;
  let isIdr = false;
  while (start >= 0) {
    const code = findStartCode(annexB, start);
    const end = nalEnd(annexB, start, code);
    const size = end - start;
    if (size > limits.maxNalBytes) throw nalTooLarge(size, limits.maxNalBytes);
    if (size > 0) {
      count += 1;
      if (count > limits.maxNals) throw tooManyNals(limits.maxNals);
      const type = nalUnitType(annexB[start]);
      const place = PLACES[type] ?? DROPPED;
      if (isSlice(type)) {
        hasSlice = true;
        if (type === NAL_IDR) isIdr = true;
      }
      if (place < lastPlace || place === DROPPED || start !== expectedStart) isNormal = false;
      if (place === AUD && units.some((unit) => unit.place === AUD)) isNormal = false;
      else if (place !== DROPPED) {
        units.push({ nal: annexB.subarray(start, end), place });
        total += 4 + size;
      }
      lastPlace = place;
      expectedStart = end + 4;
    } else isNormal = false;
    start = code < 0 ? -1 : code + 3;
  }
  if (!hasSlice) throw new MediaError("missing-slice", "access unit without a slice");

  const added = isIdr ? setsToAdd(units, given) : [];
  if (isNormal && added.length === 0 && total === annexB.length) return annexB;

  for (const nal of added) total += 4 + nal.length;
  const normal = new Uint8Array(total);
  let at = 0;
  for (let place = AUD; place <= END; place += 1) {
    for (const nal of added) {
      if (PLACES[nalUnitType(nal[0])] === place) at = writeNal(normal, at, nal);
    }
    for (const unit of units) if (unit.place === place) at = writeNal(normal, at, unit.nal);
  }
  return normal;
}

/** True if the first slice belongs to an IDR picture. Stops there. */
export function isKeyframe(annexB: Uint8Array): boolean {
  let start = firstNalStart(annexB);
  while (start >= 0) {
    const type = nalUnitType(annexB[start]);
    if (isSlice(type)) return type === NAL_IDR;
    const code = findStartCode(annexB, start);
    start = code < 0 ? -1 : code + 3;
  }
  return false;
}
