import { describe, expect, it } from "vitest";
import { joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { loadVideo } from "../vectors-suite.ts";
import { isHevcKeyframe, normalizeHevcAccessUnit } from "./access-unit.ts";
import { hevcNalUnitType, isHevcSlice } from "./nal-unit-type.ts";
import { encodeHevcSeiNal, insertHevcSei, readHevcSei } from "./sei.ts";

const { nals } = loadVideo("hevc-main");
const one = (type: number): Uint8Array => {
  const nal = nals.find((candidate) => hevcNalUnitType(candidate[0]) === type);
  if (!nal) throw new Error(`no NAL of type ${type}`);
  return nal;
};
const [aud, vps, sps, pps] = [one(35), one(32), one(33), one(34)];
const slices = nals.filter((nal) => isHevcSlice(hevcNalUnitType(nal[0])));
const [irap = aud, slice = aud] = slices;
const given = { vps: [vps], sps: [sps], pps: [pps] };
const types = (annexB: Uint8Array) => splitAnnexB(annexB).map((nal) => hevcNalUnitType(nal[0]));
const sei = encodeHevcSeiNal(5, new Uint8Array(17));

describe("normalizeHevcAccessUnit", () => {
  it("orders units and adds the parameter sets to a random access picture", () => {
    const frame = normalizeHevcAccessUnit(joinAnnexB([sei, aud, irap]), given);
    expect(types(frame)).toEqual([35, 32, 33, 34, 39, hevcNalUnitType(irap[0])]);
    expect(types(normalizeHevcAccessUnit(joinAnnexB([aud, slice]), given))).toEqual([
      35,
      hevcNalUnitType(slice[0]),
    ]);
  });

  it("refuses a random access picture without parameter sets and a unit without a picture", () => {
    const nothing = { vps: [], sps: [], pps: [] };
    expect(() => normalizeHevcAccessUnit(joinAnnexB([irap]), nothing)).toThrow(
      expect.objectContaining({ code: "missing-sps" }),
    );
    expect(() => normalizeHevcAccessUnit(joinAnnexB([irap]), { ...given, pps: [] })).toThrow(
      expect.objectContaining({ code: "missing-pps" }),
    );
    expect(() => normalizeHevcAccessUnit(joinAnnexB([aud, sei]), given)).toThrow(
      expect.objectContaining({ code: "missing-slice" }),
    );
  });
});

describe("isHevcKeyframe", () => {
  it("goes by the first slice", () => {
    expect(isHevcKeyframe(joinAnnexB([aud, vps, sps, pps, irap]))).toBe(true);
    expect(isHevcKeyframe(joinAnnexB([aud, slice]))).toBe(false);
  });
});

describe("insertHevcSei", () => {
  it("puts prefix SEI in front of the first slice, where readHevcSei finds it", () => {
    const frame = insertHevcSei(joinAnnexB([aud, vps, sps, pps, irap]), [sei]);
    expect(types(frame)).toEqual([35, 32, 33, 34, 39, hevcNalUnitType(irap[0])]);
    expect(readHevcSei(frame)).toEqual([{ payloadType: 5, payload: new Uint8Array(17) }]);
  });
});
