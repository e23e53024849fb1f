import { describe, expect, test } from "vitest";
import { ProtocolError } from "../protocol-error.ts";
import { MAX_VARINT, readVarint, unzigzag, varintLength, writeVarint, zigzag } from "./varint.ts";

function hexOf(value: number): string {
  const bytes = new Uint8Array(8);
  const length = writeVarint(bytes, 0, value);
  expect(length).toBe(varintLength(value));
  return Buffer.from(bytes.subarray(0, length)).toString("hex");
}

describe("writeVarint", () => {
  test.each([
    [0, "00"],
    [63, "3f"],
    [64, "4040"],
    [15_293, "7bbd"],
    [16_383, "7fff"],
    [16_384, "80004000"],
    [494_878_333, "9d7f3e7d"],
    [2 ** 30 - 1, "bfffffff"],
    [2 ** 30, "c000000040000000"],
    [0xff0dad02, "c0000000ff0dad02"],
    [MAX_VARINT, "c01fffffffffffff"],
  ])("writes %i as RFC 9000 §16 says, and reads it back", (value, hex) => {
    expect(hexOf(value)).toBe(hex);
    expect(readVarint(Buffer.from(hex, "hex"), 0)).toBe(value);
  });

  test.each([-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])("refuses %d", (value) => {
    expect(() => writeVarint(new Uint8Array(8), 0, value)).toThrow(RangeError);
  });
});

describe("readVarint", () => {
  test("takes longer forms than needed", () => {
    expect(readVarint(Uint8Array.of(0x40, 0x25), 0)).toBe(37);
    expect(readVarint(Uint8Array.of(0xc0, 0, 0, 0, 0, 0, 0, 37), 0)).toBe(37);
  });

  test("refuses what a number cannot hold", () => {
    expect(() => readVarint(Uint8Array.of(0xc0, 0x20, 0, 0, 0, 0, 0, 0), 0)).toThrow(ProtocolError);
  });
});

describe("zigzag", () => {
  test.each([
    [0, 0],
    [-1, 1],
    [1, 2],
    [-2, 3],
    [-16_667, 33_333],
    [1_800_000_000_000_000, 3_600_000_000_000_000],
  ])("maps %d to %d and back", (signed, unsigned) => {
    expect(zigzag(signed)).toBe(unsigned);
    expect(unzigzag(unsigned)).toBe(signed);
  });
});
