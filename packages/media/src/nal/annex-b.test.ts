import { describe, expect, it } from "vitest";
import { seededBytes, seededNumbers } from "../vectors-suite.ts";
import { findStartCode, forEachNal, joinAnnexB, splitAnnexB } from "./annex-b.ts";
import { insertEmulationPrevention, removeEmulationPrevention } from "./emulation-prevention.ts";
import { annexBToLengthPrefixed, lengthPrefixedToAnnexB, splitLengthPrefixed } from "./length-prefixed.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
/** Bytes that are mostly 0 to 3, which is where start codes and emulation prevention live. */
const smallBytes = (next: () => number, length: number) => seededBytes(next, length).map((byte) => byte % 5);

describe("findStartCode", () => {
  it("agrees with a search byte by byte", () => {
    const next = seededNumbers(1);
    for (let round = 0; round < 500; round += 1) {
      const bytes = smallBytes(next, next() % 40).map((byte) => (byte === 4 ? 200 : byte));
      for (let from = 0; from <= bytes.length; from += 1) {
        let expected = -1;
        for (let i = from; i + 2 < bytes.length && expected < 0; i += 1) {
          if (bytes[i] === 0 && bytes[i + 1] === 0 && bytes[i + 2] === 1) expected = i;
        }
        expect(findStartCode(bytes, from)).toBe(expected);
      }
    }
  });
});

describe("splitAnnexB", () => {
  it("takes both start codes and leaves out zeros around units", () => {
    const bytes = Uint8Array.of(0, 0, 0, 0, 1, 0x67, 5, 0, 0, 1, 0x68, 6, 0, 0, 0, 0, 1, 0x65, 7, 0, 0, 0);
    expect(splitAnnexB(bytes).map((nal) => [...nal])).toEqual([
      [0x67, 5],
      [0x68, 6],
      [0x65, 7],
    ]);
  });

  it("passes over empty units, and gives views and positions", () => {
    const bytes = Uint8Array.of(0, 0, 1, 0, 0, 1, 0x41, 9);
    const positions: number[] = [];
    forEachNal(bytes, (nal, start) => {
      positions.push(start);
      expect(nal.buffer).toBe(bytes.buffer);
    });
    expect(positions).toEqual([6]);
    expect(splitAnnexB(new Uint8Array(0))).toEqual([]);
  });

  it("refuses bytes in front of the first start code", () => {
    expect(() => splitAnnexB(Uint8Array.of(1, 0, 0, 1, 0x41))).toThrow(code("malformed"));
    expect(() => splitAnnexB(Uint8Array.of(0, 0, 0))).toThrow(code("malformed"));
  });

  it("keeps to its limits", () => {
    const bytes = joinAnnexB([Uint8Array.of(1, 2, 3), Uint8Array.of(1)]);
    expect(() => splitAnnexB(bytes, { maxNals: 1, maxNalBytes: 10 })).toThrow(code("too-many"));
    expect(() => splitAnnexB(bytes, { maxNals: 9, maxNalBytes: 2 })).toThrow(code("too-large"));
  });
});

describe("lengthPrefixedToAnnexB", () => {
  const nals = [Uint8Array.of(0x67, 1), Uint8Array.of(0x41, 2, 3)];

  it.each([1, 2, 4] as const)("goes there and back with lengths of %i bytes", (size) => {
    const prefixed = annexBToLengthPrefixed(joinAnnexB(nals), size);
    expect(prefixed).toHaveLength(5 + 2 * size);
    expect(splitLengthPrefixed(prefixed, size)).toEqual(nals);
    expect(lengthPrefixedToAnnexB(prefixed, size)).toEqual(joinAnnexB(nals));
  });

  it.each([1, 2, 4] as const)("refuses truncation at every byte with lengths of %i bytes", (size) => {
    const prefixed = annexBToLengthPrefixed(joinAnnexB(nals), size);
    for (let end = 1; end < prefixed.length; end += 1) {
      if (end === size + 2) continue; // the border between the two units
      expect(() => lengthPrefixedToAnnexB(prefixed.subarray(0, end), size)).toThrow(code("truncated"));
    }
  });

  it("refuses a length over the limit before it looks for the bytes", () => {
    expect(() => lengthPrefixedToAnnexB(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1), 4)).toThrow(
      code("too-large"),
    );
    const many = new Uint8Array(4000).fill(1);
    expect(() => lengthPrefixedToAnnexB(many, 1)).toThrow(code("too-many"));
    expect(() => annexBToLengthPrefixed(joinAnnexB([new Uint8Array(300).fill(1)]), 1)).toThrow(
      code("too-large"),
    );
  });
});

describe("insertEmulationPrevention", () => {
  it("is undone by removeEmulationPrevention and leaves no start code", () => {
    const next = seededNumbers(2);
    for (let round = 0; round < 2000; round += 1) {
      const raw = smallBytes(next, 1 + (next() % 30));
      raw[raw.length - 1] = 0x80;
      const escaped = insertEmulationPrevention(raw);
      expect(removeEmulationPrevention(escaped)).toEqual(raw);
      for (let i = 2; i < escaped.length; i += 1) {
        const forbidden = escaped[i - 2] === 0 && escaped[i - 1] === 0 && (escaped[i] ?? 0) < 3;
        expect(forbidden).toBe(false);
      }
    }
  });

  it("hands back the input when nothing is to be done", () => {
    const plain = Uint8Array.of(1, 0, 0, 4, 5);
    expect(insertEmulationPrevention(plain)).toBe(plain);
    expect(removeEmulationPrevention(plain)).toBe(plain);
  });

  it("ends a unit that would end in zero with 03", () => {
    expect([...insertEmulationPrevention(Uint8Array.of(5, 0, 0))]).toEqual([5, 0, 0, 3]);
    expect([...insertEmulationPrevention(Uint8Array.of(0, 0, 0, 0, 1))]).toEqual([0, 0, 3, 0, 0, 3, 1]);
  });
});
