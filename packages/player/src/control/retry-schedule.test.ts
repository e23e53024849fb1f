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

  it("doubles the wait up to a cap, with jitter", () => {
    const retries = schedule(1);
    retries.onSuccess();
    const delays = Array.from({ length: 10 }, () => retries.onFailure()?.delayMs ?? -1);
    expect(delays.slice(0, 5)).toEqual([187.5, 375, 750, 1500, 3000]);
    expect(delays.at(-1)).toBe(3750);
    expect(schedule(1, 0).onFailure()?.delayMs).toBe(125);
    expect(schedule(1, 0.999).onFailure()?.delayMs).toBeLessThan(250);
  });

  it("gives up only if it never worked", () => {
    const never = schedule(2);
    const answers = Array.from({ length: 12 }, () => never.onFailure());
    expect(answers.slice(0, 11).every((answer) => answer !== undefined)).toBe(true);
    expect(answers[11]).toBeUndefined();
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
