import { describe, expect, it } from "vitest";
import { parseVideoTagBody } from "../flv/parse-video-tag.ts";
import { lengthPrefixedToAnnexB } from "../nal/length-prefixed.ts";
import { flvBodies } from "../vectors-suite.ts";
import { normalizeAccessUnit } from "./access-unit.ts";
import { buildAvcDecoderConfig, parseAvcDecoderConfig } from "./avc-decoder-config.ts";
import { parseSps } from "./sps.ts";

const [header, firstFrame] = flvBodies(9).map(({ body }) => parseVideoTagBody(body));
if (!header || !firstFrame) throw new Error("no video in the vector");

describe("parseAvcDecoderConfig", () => {
  it("reads the record that ffmpeg sends", () => {
    const config = parseAvcDecoderConfig(header.data);
    expect(config).toMatchObject({ profileIdc: 100, nalLengthSize: 4 });
    expect(parseSps(config.sps[0] ?? new Uint8Array(0))).toMatchObject({ codedWidth: 160, codedHeight: 90 });
    const annexB = lengthPrefixedToAnnexB(firstFrame.data, config.nalLengthSize);
    expect(normalizeAccessUnit(annexB, config).length).toBeGreaterThan(annexB.length);
  });

  it("refuses a length size of 3, another version and empty sets", () => {
    const three = header.data.slice();
    three[4] = 0xfe;
    expect(() => parseAvcDecoderConfig(three)).toThrow(expect.objectContaining({ code: "malformed" }));
    expect(() => parseAvcDecoderConfig(Uint8Array.of(2, 0, 0, 0, 0, 0, 0))).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
    expect(() => parseAvcDecoderConfig(Uint8Array.of(1, 66, 0, 10, 0xff, 0xe1, 0, 0, 0))).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });
});

describe("buildAvcDecoderConfig", () => {
  it("writes what ffmpeg wrote", () => {
    expect(buildAvcDecoderConfig(parseAvcDecoderConfig(header.data))).toEqual(header.data);
  });

  it("needs both kinds of parameter sets", () => {
    expect(() => buildAvcDecoderConfig({ sps: [], pps: [] })).toThrow(
      expect.objectContaining({ code: "missing-sps" }),
    );
  });
});
