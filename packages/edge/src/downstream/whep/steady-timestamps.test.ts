import { describe, expect, it } from "vitest";
import { SteadyTimestamps } from "./steady-timestamps.ts";

const PACKET_TICKS = 960;

describe("SteadyTimestamps", () => {
  it("lets each packet begin where the one before ended, whatever rounding did to its time", () => {
    const steady = new SteadyTimestamps();
    const wobble = [0, 21, -17, 40, -48, 3, 0, -1];
    const sent = Array.from({ length: 80 }, (_, index) =>
      steady.take(2 ** 32 - 20_000 + index * PACKET_TICKS + (wobble[index % 8] ?? 0), PACKET_TICKS),
    );
    for (const [index, timestamp] of sent.entries()) {
      expect(timestamp).toBe((2 ** 32 - 20_000 + index * PACKET_TICKS) % 2 ** 32);
    }
  });

  it("follows gaps and jumps", () => {
    const steady = new SteadyTimestamps();
    expect(steady.take(1_000, PACKET_TICKS)).toBe(1_000);
    expect(steady.take(1_000 + 3 * PACKET_TICKS, PACKET_TICKS)).toBe(1_000 + 3 * PACKET_TICKS);
    expect(steady.take(77, PACKET_TICKS)).toBe(77);
  });

  it("is never further from the media time than the slack, whatever the clocks", () => {
    const steady = new SteadyTimestamps();
    for (let index = 0; index < 5_000; index += 1) {
      const timestamp = Math.round(index * PACKET_TICKS * 1.0005);
      expect(Math.abs(steady.take(timestamp, PACKET_TICKS) - timestamp)).toBeLessThanOrEqual(480);
    }
  });
});
