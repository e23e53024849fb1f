import { describe, expect, it } from "vitest";
import { SilenceDetector } from "./detect-silence.ts";

const OPTIONS = { silentMs: 500, intervalMs: 100 };

describe("SilenceDetector", () => {
  it("gives a peer up after half a second without a packet", () => {
    const detector = new SilenceDetector(OPTIONS, 0);
    const verdicts = [100, 200, 300, 400, 500].map((nowMs) => detector.look(nowMs, nowMs));
    expect(verdicts).toEqual([false, false, false, false, true]);
  });

  it("starts again with every packet", () => {
    const detector = new SilenceDetector(OPTIONS, 0);
    for (let nowMs = 100; nowMs <= 5_000; nowMs += 100) {
      expect(detector.look(nowMs, nowMs % 400)).toBe(false);
    }
  });

  it("does not take this process's own lag for the peer's silence", () => {
    const detector = new SilenceDetector(OPTIONS, 0);
    expect(detector.look(100, 100)).toBe(false);
    // Blocked for three seconds: the packets of that time are still in the socket.
    expect(detector.look(3_100, 3_100)).toBe(false);
    expect(detector.look(3_200, 50)).toBe(false);
    expect(detector.look(3_300, 150)).toBe(false);
  });

  it("still finds a dead peer when the process is late again and again", () => {
    const detector = new SilenceDetector(OPTIONS, 0);
    const verdicts = [1, 2, 3, 4, 5].map((second) => detector.look(second * 1_000, second * 1_000));
    expect(verdicts).toEqual([false, false, false, false, true]);
  });
});
