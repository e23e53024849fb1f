import { describe, expect, it } from "vitest";
import { flushIntervalOption } from "./flush-interval-option.ts";

describe("flushIntervalOption", () => {
  const option = flushIntervalOption({ name: "flush-interval", description: "" });

  it("takes auto and milliseconds up to what may be seen in the latency", () => {
    for (const [raw, value] of [
      ["auto", "auto"],
      ["0", 0],
      ["7.5", 7.5],
      [60, 60],
    ] as const) {
      expect(option.parse(raw)).toEqual({ value });
    }
  });

  it("refuses everything else and says what is wanted", () => {
    for (const raw of ["", "fast", "61", "-1", Number.NaN, true]) {
      expect(option.parse(raw)).toEqual({ problem: "must be auto or a number from 0 to 60" });
    }
  });
});
