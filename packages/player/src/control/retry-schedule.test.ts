import { describe, expect, it } from "vitest";
import { RetrySchedule } from "./retry-schedule.ts";

const schedule = (sources: number, random = 0.5) => new RetrySchedule({ sources }, { random: () => random });

describe("RetrySchedule", () => {
  it("tries the next edge at once and waits after a whole round", () => {
    const retries = schedule(3);
    expect(retries.onFailure()).toEqual({ source: 1, delayMs: 0 });
    expect(retries.onFailure()).toEqual({ source: 2, delayMs: 0 });
    expect(retries.onFailure()).toEqual({ source: 0, delayMs: 187.5 });
  });

  it("grows the wait up to a cap, with jitter", () => {
    const retries = schedule(1);
    retries.onSuccess();
    const delays = Array.from({ length: 12 }, () => retries.onFailure()?.delayMs ?? -1);
    expect(delays.slice(0, 5)).toEqual([187.5, 281.25, 421.875, 632.8125, 949.21875]);
    expect(delays.at(-1)).toBe(3750);
    expect(schedule(1, 0).onFailure()?.delayMs).toBe(125);
    expect(schedule(1, 0.999).onFailure()?.delayMs).toBeLessThan(250);
  });

  it("finds an edge again soon after half the time that it was away, at the longest waits", () => {
    const retries = schedule(1, 1);
    retries.onSuccess();
    let triedMs = 0;
    for (let round = 0; round < 20; round += 1) {
      const delayMs = retries.onFailure()?.delayMs ?? Number.NaN;
      // It was back right after an attempt in vain.
      expect(delayMs).toBeLessThanOrEqual(triedMs / 2 + 250);
      triedMs += delayMs;
    }
  });

  it("gives up only if it never worked", () => {
    const never = schedule(2);
    const answers = Array.from({ length: 16 }, () => never.onFailure());
    expect(answers.slice(0, 15).every((answer) => answer !== undefined)).toBe(true);
    expect(answers[15]).toBeUndefined();
    const waitedMs = answers.reduce((sum, answer) => sum + (answer?.delayMs ?? 0), 0);
    expect(waitedMs).toBeGreaterThan(6_000);
    const once = schedule(2);
    once.onSuccess();
    for (let index = 0; index < 100; index += 1) expect(once.onFailure()).toBeDefined();
  });

  it("starts short again after a success", () => {
    const retries = schedule(1);
    for (let index = 0; index < 4; index += 1) retries.onFailure();
    retries.onSuccess();
    expect(retries.onFailure()?.delayMs).toBe(187.5);
  });
});
