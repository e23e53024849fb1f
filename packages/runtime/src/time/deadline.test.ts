import { describe, expect, it } from "vitest";
import { deadline, delay } from "./deadline.ts";

describe("deadline", () => {
  it("passes on what the promise gives", async () => {
    await expect(deadline(Promise.resolve(1), 1_000, "one")).resolves.toBe(1);
    await expect(deadline(Promise.reject(new Error("no")), 1_000, "one")).rejects.toThrow("no");
  });

  it("rejects when it takes too long", async () => {
    await expect(deadline(new Promise(() => {}), 1, "the wait")).rejects.toMatchObject({
      code: "deadline-passed",
      message: "the wait took longer than 1 ms",
    });
  });
});

describe("delay", () => {
  it("ends early when the signal aborts", async () => {
    const controller = new AbortController();
    const waiting = delay(1_000_000, controller.signal);
    controller.abort();
    await waiting;
    await delay(1_000_000, controller.signal);
  });
});
