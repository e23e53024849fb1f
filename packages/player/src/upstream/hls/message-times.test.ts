import { describe, expect, it } from "vitest";
import { MessageTimes } from "./message-times.ts";

describe("MessageTimes", () => {
  it("takes a frame that is a moment early for that of the message, and no other", () => {
    const times = new MessageTimes();
    times.add(5_000_001);
    times.add(5_033_000);
    expect(times.snap(4_966_000, 3)).toBe(4_966_000);
    expect(times.snap(5_000_000, 3)).toBe(5_000_001);
    expect(times.snap(5_033_400, 3)).toBe(5_033_400);
    expect(times.snap(5_066_000, 3)).toBe(5_066_000);
    times.add(5_100_900);
    expect(times.snap(5_100_000, 3)).toBe(5_100_000);
    expect(times.snap(5_100_000, 1_500)).toBe(5_100_900);
  });

  it("is bounded, in whatever order times come", () => {
    const times = new MessageTimes();
    for (let index = 3_000; index > 0; index -= 1) times.add(index * 10_000);
    for (let index = 0; index < 10; index += 1) times.add(10_000);
    expect(times.snap(9_999, 3)).toBe(10_000);
    expect(times.snap(10_240_000 - 1, 3)).toBe(10_240_000);
    expect(times.snap(10_250_000 - 1, 3)).toBe(10_249_999);
  });
});
