import { describe, expect, it } from "vitest";
import { splitLengthPrefixed } from "../nal/length-prefixed.ts";
import { HEVC_VECTORS, loadVideo } from "../vectors-suite.ts";
import {
  annexBToHevcSample,
  buildHevcDecoderConfig,
  type HevcSets,
  readHevcParameterSets,
} from "./build-decoder-config.ts";
import { parseHevcDecoderConfig } from "./hevc-decoder-config.ts";
import { hevcNalUnitType } from "./nal-unit-type.ts";
import { parseHevcSps } from "./sps.ts";

describe("buildHevcDecoderConfig", () => {
  it.each(HEVC_VECTORS)("describes %s so that the record is read back", (name) => {
    const sets = readHevcParameterSets(loadVideo(name).bytes) as HevcSets;
    const config = parseHevcDecoderConfig(buildHevcDecoderConfig(sets));
    const sps = parseHevcSps(sets.sps[0]);
    expect(config).toMatchObject({ nalLengthSize: 4, vps: sets.vps, sps: sets.sps, pps: sets.pps });
    expect(config.profileIdc).toBe(sps.profileIdc);
    expect(config.levelIdc).toBe(sps.levelIdc);
  });
});

describe("annexBToHevcSample", () => {
  it("keeps SEI and slices, and leaves the rest to the record", () => {
    const { bytes } = loadVideo("hevc-main");
    const types = splitLengthPrefixed(annexBToHevcSample(bytes), 4).map((nal) => hevcNalUnitType(nal[0]));
    expect(types.some((type) => type >= 32 && type <= 35)).toBe(false);
    expect(types).toContain(39);
  });
});
