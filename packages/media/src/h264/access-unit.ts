import { sameBytes } from "../bytes/join.ts";
import { MediaError } from "../media-error.ts";
import { findStartCode, firstNalStart, nalEnd, writeNal } from "../nal/annex-b.ts";
import {
  DEFAULT_NAL_LIMITS,
  MAX_NAL_BYTES,
  MAX_NALS_PER_ACCESS_UNIT,
  type NalLimits,
  nalTooLarge,
  tooManyNals,
} from "../nal/limits.ts";
import { isSlice, NAL_IDR, NAL_PPS, NAL_SPS, nalUnitType } from "./nal-unit-type.ts";
import { parameterSetId } from "./parameter-set-id.ts";

/** Parameter sets that apply to the stream, e.g. those of the avcC record. NAL units without start codes. */
export interface ParameterSets {
  readonly sps: readonly Uint8Array[];
  readonly pps: readonly Uint8Array[];
}

export interface NormalizeOptions extends Partial<NalLimits> {
  /**
   * True: a given SPS replaces one of the same id inside the access unit, e.g. with one completed by
   * `withLowDelayVui`. False (default): the one inside wins, as it is the newer one.
   */
  readonly preferGivenSps?: boolean;
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

function nalsOfType(units: readonly Unit[], type: number): Uint8Array[] {
  return units.map((unit) => unit.nal).filter((nal) => nalUnitType(nal[0]) === type);
}

/** Given parameter sets that an IDR has to carry and does not; one in the access unit wins over a given one. */
function setsToAdd(units: readonly Unit[], given: ParameterSets): Uint8Array[] {
  const ownSps = nalsOfType(units, NAL_SPS);
  const ownPps = nalsOfType(units, NAL_PPS);
  const sps = withoutKnown(given.sps, ownSps);
  const pps = withoutKnown(given.pps, ownPps);
  if (sps.length + ownSps.length === 0) throw new MediaError("missing-sps", "IDR without an SPS");
  if (pps.length + ownPps.length === 0) throw new MediaError("missing-pps", "IDR without a PPS");
  return [...sps, ...pps];
}

/** The units with a given SPS in the place of each that has the same id and other content. */
function withGivenSps(units: readonly Unit[], given: readonly Uint8Array[]): Unit[] {
  return units.map((unit) => {
    if (nalUnitType(unit.nal[0]) !== NAL_SPS) return unit;
    const id = parameterSetId(unit.nal);
    const nal = given.find((candidate) => parameterSetId(candidate) === id);
    return nal === undefined || sameBytes(nal, unit.nal) ? unit : { nal, place: unit.place };
  });
}

/**
 * One access unit in the form in which Canopy sends it: Annex B with four-byte start codes, in the order
 * AUD, SPS, PPS, SEI, slices, with the parameter sets in front of every IDR.
 *
 * `given` are the stream's parameter sets; those inside the access unit win over given ones of the same id, or the
 * other way round for an SPS with `preferGivenSps`.
 * Returns the input itself when it already has this form, else a new buffer.
 * @throws MediaError "missing-slice" (nothing to show: do not send it), "missing-sps", "missing-pps", "malformed",
 * "truncated" (a parameter set without its id), "too-large", "too-many".
 */
export function normalizeAccessUnit(
  annexB: Uint8Array,
  given: ParameterSets,
  options: NormalizeOptions = DEFAULT_NAL_LIMITS,
): Uint8Array {
  const { maxNalBytes = MAX_NAL_BYTES, maxNals = MAX_NALS_PER_ACCESS_UNIT, preferGivenSps = false } = options;
  let units: Unit[] = [];
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
    if (size > maxNalBytes) throw nalTooLarge(size, maxNalBytes);
    if (size > 0) {
      count += 1;
      if (count > maxNals) throw tooManyNals(maxNals);
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

  if (preferGivenSps && units.some((unit) => nalUnitType(unit.nal[0]) === NAL_SPS)) {
    const replaced = withGivenSps(units, given.sps);
    if (replaced.some((unit, i) => unit !== units[i])) isNormal = false;
    units = replaced;
    total = units.reduce((sum, unit) => sum + 4 + unit.nal.length, 0);
  }
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
