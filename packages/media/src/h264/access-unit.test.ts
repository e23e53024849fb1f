import { describe, expect, it } from "vitest";
import { joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { loadVideo } from "../vectors-suite.ts";
import { isKeyframe, normalizeAccessUnit } from "./access-unit.ts";
import { withLowDelayVui } from "./low-delay-vui.ts";
import { nalUnitType } from "./nal-unit-type.ts";
import { encodeSeiNal } from "./sei.ts";

const { nals } = loadVideo("h264-baseline");
const one = (type: number): Uint8Array => {
  const nal = nals.find((candidate) => nalUnitType(candidate[0]) === type);
  if (!nal) throw new Error(`no NAL of type ${type}`);
  return nal;
};
const aud = one(9);
const sps = one(7);
const pps = one(8);
const idr = one(5);
const slice = one(1);
const sei = encodeSeiNal(5, new Uint8Array(20).fill(7));
const given = { sps: [sps], pps: [pps] };
const spsWithoutRestriction = (() => {
  const nal = loadVideo("h264-high10-intra").nals.find((candidate) => nalUnitType(candidate[0]) === 7);
  if (!nal) throw new Error("no SPS");
  return nal;
})();
const NOTHING = { sps: [], pps: [] };
const types = (annexB: Uint8Array) => splitAnnexB(annexB).map((nal) => nalUnitType(nal[0]));

/** Three-byte start codes and zeros behind each unit. */
function loose(units: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(units.flatMap((nal) => [0, 0, 1, ...nal, 0, 0]));
}

describe("normalizeAccessUnit", () => {
  it("hands back an access unit that is in order", () => {
    const frame = joinAnnexB([aud, sei, slice]);
    expect(normalizeAccessUnit(frame, given)).toBe(frame);
    const key = joinAnnexB([aud, sps, pps, sei, idr]);
    expect(normalizeAccessUnit(key, given)).toBe(key);
  });

  it("puts units in order, whatever the start codes and zeros between them", () => {
    const frame = normalizeAccessUnit(loose([sei, pps, sps, aud, idr]), NOTHING);
    expect(frame).toEqual(joinAnnexB([aud, sps, pps, sei, idr]));
  });

  it("puts the given parameter sets in front of an IDR, behind the AUD", () => {
    expect(types(normalizeAccessUnit(joinAnnexB([aud, sei, idr]), given))).toEqual([9, 7, 8, 6, 5]);
    expect(types(normalizeAccessUnit(joinAnnexB([idr, idr]), given))).toEqual([7, 8, 5, 5]);
  });

  it("leaves other pictures without parameter sets", () => {
    expect(types(normalizeAccessUnit(joinAnnexB([slice]), given))).toEqual([1]);
  });

  it("prefers parameter sets inside the access unit over given ones of the same id", () => {
    const otherSps = splitAnnexB(loadVideo("h264-main").bytes).find((nal) => nalUnitType(nal[0]) === 7);
    if (!otherSps) throw new Error("no SPS");
    const frame = normalizeAccessUnit(joinAnnexB([otherSps, idr]), given);
    expect(frame).toEqual(joinAnnexB([otherSps, pps, idr]));
  });

  it("replaces an SPS inside the access unit when told to prefer the given one", () => {
    const low = withLowDelayVui(spsWithoutRestriction);
    const key = joinAnnexB([aud, spsWithoutRestriction, pps, idr]);
    const lowDelay = { sps: [low], pps: [pps] };
    expect(normalizeAccessUnit(key, lowDelay, { preferGivenSps: true })).toEqual(
      joinAnnexB([aud, low, pps, idr]),
    );
    expect(normalizeAccessUnit(key, lowDelay)).toBe(key);
    const same = { sps: [spsWithoutRestriction], pps: [pps] };
    expect(normalizeAccessUnit(key, same, { preferGivenSps: true })).toBe(key);
  });

  it("leaves out filler data, unspecified types and a second AUD", () => {
    const filler = Uint8Array.of(12, 0xff, 0x80);
    const unspecified = Uint8Array.of(24, 1);
    expect(types(normalizeAccessUnit(joinAnnexB([aud, filler, aud, unspecified, slice]), given))).toEqual([
      9, 1,
    ]);
  });

  it("refuses an IDR without parameter sets and a unit without a picture", () => {
    const code = (expected: string) => expect.objectContaining({ code: expected });
    expect(() => normalizeAccessUnit(joinAnnexB([idr]), NOTHING)).toThrow(code("missing-sps"));
    expect(() => normalizeAccessUnit(joinAnnexB([idr]), { sps: [sps], pps: [] })).toThrow(
      code("missing-pps"),
    );
    expect(() => normalizeAccessUnit(joinAnnexB([aud, sei]), given)).toThrow(code("missing-slice"));
    expect(() => normalizeAccessUnit(new Uint8Array(0), given)).toThrow(code("missing-slice"));
    expect(() => normalizeAccessUnit(Uint8Array.of(9, 0, 0, 1, 65), given)).toThrow(code("malformed"));
  });

  it("keeps to the limits", () => {
    const frame = joinAnnexB([slice, slice, slice]);
    expect(() => normalizeAccessUnit(frame, given, { maxNals: 2, maxNalBytes: 1e6 })).toThrow(
      expect.objectContaining({ code: "too-many" }),
    );
    expect(() => normalizeAccessUnit(frame, given, { maxNals: 9, maxNalBytes: 2 })).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
  });
});

describe("isKeyframe", () => {
  it("goes by the first slice", () => {
    expect(isKeyframe(joinAnnexB([aud, sps, pps, idr]))).toBe(true);
    expect(isKeyframe(joinAnnexB([aud, slice]))).toBe(false);
    expect(isKeyframe(joinAnnexB([sps, pps]))).toBe(false);
    expect(isKeyframe(new Uint8Array(0))).toBe(false);
  });
});
