import { describe, expect, it } from "vitest";
import { joinAnnexB, splitAnnexB } from "../nal/annex-b.ts";
import { loadVideo, seededBytes, seededNumbers } from "../vectors-suite.ts";
import { nalUnitType } from "./nal-unit-type.ts";
import { encodeSeiMessages, encodeSeiNal, insertSei, readSei } from "./sei.ts";

const slice = Uint8Array.of(0x41, 0x9a, 0x10, 0x20);
const types = (annexB: Uint8Array) => splitAnnexB(annexB).map((nal) => nalUnitType(nal[0]));

describe("encodeSeiNal", () => {
  it("writes sizes and types as runs of 255", () => {
    expect([...encodeSeiNal(5, new Uint8Array(255).fill(1)).subarray(0, 4)]).toEqual([6, 5, 255, 0]);
    expect([...encodeSeiNal(5, new Uint8Array(510).fill(1)).subarray(0, 5)]).toEqual([6, 5, 255, 255, 0]);
    expect([...encodeSeiNal(300, Uint8Array.of(9))]).toEqual([6, 255, 45, 1, 9, 0x80]);
  });

  it("keeps payloads of any length and content through a round trip", () => {
    const next = seededNumbers(7);
    for (const length of [0, 1, 2, 3, 16, 254, 255, 256, 509, 510, 511, 1040, 5000]) {
      const noise = seededBytes(next, length).map((byte) => (byte < 128 ? 0 : byte % 4));
      const annexB = joinAnnexB([encodeSeiNal(5, noise), slice]);
      expect(readSei(annexB)).toEqual([{ payloadType: 5, payload: noise }]);
    }
  });

  it("never contains a start code", () => {
    const nal = encodeSeiNal(5, new Uint8Array(64));
    expect(splitAnnexB(joinAnnexB([nal]))).toEqual([nal]);
  });

  it("refuses what does not fit", () => {
    expect(() => encodeSeiNal(5, new Uint8Array(70_000))).toThrow(
      expect.objectContaining({ code: "too-large" }),
    );
    expect(() => encodeSeiNal(-1, slice)).toThrow(expect.objectContaining({ code: "malformed" }));
  });
});

describe("readSei", () => {
  it("reads several messages of one unit, in order", () => {
    const messages = [
      { payloadType: 5, payload: new Uint8Array(300).fill(0) },
      { payloadType: 137, payload: Uint8Array.of(0x80) },
      { payloadType: 243, payload: new Uint8Array(0) },
    ];
    expect(readSei(joinAnnexB([encodeSeiMessages(messages), slice]))).toEqual(messages);
  });

  it("finds x264's banner", () => {
    const [banner] = readSei(loadVideo("h264-baseline").bytes);
    expect(banner?.payloadType).toBe(5);
    expect(new TextDecoder().decode(banner?.payload.subarray(16, 20))).toBe("x264");
  });

  it("refuses a size that points past the end", () => {
    const broken = joinAnnexB([Uint8Array.of(6, 5, 200, 1, 2, 3, 0x80), slice]);
    expect(() => readSei(broken)).toThrow(expect.objectContaining({ code: "truncated" }));
  });
});

describe("insertSei", () => {
  const sei = encodeSeiNal(5, new Uint8Array(17));

  it("goes behind AUD, parameter sets and other SEI, and in front of the first slice", () => {
    const key = joinAnnexB([
      Uint8Array.of(9, 16),
      Uint8Array.of(0x67, 1),
      Uint8Array.of(0x68, 1),
      sei,
      slice,
      slice,
    ]);
    expect(types(insertSei(key, [sei, sei]))).toEqual([9, 7, 8, 6, 6, 6, 1, 1]);
  });

  it("goes in front of a prefix unit, which belongs to its slice", () => {
    expect(types(insertSei(joinAnnexB([Uint8Array.of(14, 1), slice]), [sei]))).toEqual([6, 14, 1]);
  });

  it("keeps every other byte", () => {
    const frame = Uint8Array.of(0, 0, 1, 9, 16, 0, 0, 0, 1, ...slice);
    expect([...insertSei(frame, [sei])]).toEqual([0, 0, 1, 9, 16, 0, 0, 0, 1, ...sei, 0, 0, 0, 1, ...slice]);
  });

  it("refuses an access unit without a picture", () => {
    expect(() => insertSei(joinAnnexB([Uint8Array.of(9, 16)]), [sei])).toThrow(
      expect.objectContaining({ code: "missing-slice" }),
    );
  });
});
