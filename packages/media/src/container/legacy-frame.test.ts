import { describe, expect, it } from "vitest";
import { decodeHex, encodeHex } from "../bytes/hex.ts";
import {
  decodeLegacyFrame,
  encodeLegacyFrame,
  legacyHeaderBytes,
  writeLegacyHeader,
} from "./legacy-frame.ts";

describe("encodeLegacyFrame", () => {
  it("writes the bytes that hang's players read", () => {
    const frame = encodeLegacyFrame(1_000_000, decodeHex("0000000167"));
    expect(encodeHex(frame)).toBe("800f42400000000167");
  });

  it("uses the shortest varint", () => {
    for (const [timestampUs, hex] of [
      [0, "00"],
      [63, "3f"],
      [64, "4040"],
      [16_383, "7fff"],
      [16_384, "80004000"],
      [1_073_741_823, "bfffffff"],
      [1_073_741_824, "c000000040000000"],
      [1_764_000_000_123_456, "c006445941642240"],
      [Number.MAX_SAFE_INTEGER, "c01fffffffffffff"],
    ] as const) {
      expect(encodeHex(encodeLegacyFrame(timestampUs, new Uint8Array(0)))).toBe(hex);
      expect(legacyHeaderBytes(timestampUs)).toBe(hex.length / 2);
      expect(decodeLegacyFrame(decodeHex(hex)).timestampUs).toBe(timestampUs);
    }
  });

  it("refuses timestamps that are not unsigned 53-bit integers", () => {
    for (const timestampUs of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => encodeLegacyFrame(timestampUs, new Uint8Array(0))).toThrow(
        expect.objectContaining({ code: "malformed" }),
      );
    }
  });
});

describe("decodeLegacyFrame", () => {
  it("gives a view of the payload, empty for a marker", () => {
    const bytes = decodeHex("800f42400102");
    const { timestampUs, payload } = decodeLegacyFrame(bytes);
    expect([timestampUs, ...payload]).toEqual([1_000_000, 1, 2]);
    expect(payload.buffer).toBe(bytes.buffer);
    expect(decodeLegacyFrame(decodeHex("05")).payload).toHaveLength(0);
  });

  it("reads longer forms than needed, and refuses 2^53 and more", () => {
    expect(decodeLegacyFrame(decodeHex("4001")).timestampUs).toBe(1);
    expect(() => decodeLegacyFrame(decodeHex("c020000000000000"))).toThrow(
      expect.objectContaining({ code: "malformed" }),
    );
  });
});

describe("writeLegacyHeader", () => {
  it("writes into the caller's buffer and tells where the payload goes", () => {
    const target = new Uint8Array(12).fill(0xee);
    expect(writeLegacyHeader(target, 2, 1_000_000)).toBe(6);
    expect(encodeHex(target)).toBe("eeee800f4240eeeeeeeeeeee");
  });
});
