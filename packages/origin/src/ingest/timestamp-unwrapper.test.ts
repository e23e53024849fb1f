import { describe, expect, it } from "vitest";
import { TimestampUnwrapper } from "./timestamp-unwrapper.ts";

describe("TimestampUnwrapper", () => {
  it("leaves timestamps that do not wrap as they are", () => {
    const unwrapper = new TimestampUnwrapper();
    expect([0, 33, 66, 50, 100].map((t) => unwrapper.unwrap(t))).toEqual([0, 33, 66, 50, 100]);
  });

  it("goes on counting over the wrap, with tracks interleaved across it", () => {
    const unwrapper = new TimestampUnwrapper();
    const end = 2 ** 32;
    const seen = [end - 40, end - 20, 5, end - 10, 30].map((t) => unwrapper.unwrap(t));
    expect(seen).toEqual([end - 40, end - 20, end + 5, end - 10, end + 30]);
  });

  it("goes on counting over several wraps", () => {
    const unwrapper = new TimestampUnwrapper();
    let expected = 0;
    for (let step = 0; step < 20; step++) {
      expect(unwrapper.unwrap(expected % 2 ** 32)).toBe(expected);
      expected += 2 ** 30;
    }
  });

  it("takes a step back just after the start at its word", () => {
    const unwrapper = new TimestampUnwrapper();
    expect(unwrapper.unwrap(10)).toBe(10);
    expect(unwrapper.unwrap(2 ** 32 - 10)).toBe(-10);
  });
});
