import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import type { Upstream } from "../upstream/upstream.ts";
import { EdgeWatch } from "./edge-watch.ts";

/** A path with this round trip gives the edge 204 ms. */
const ROUND_TRIP_MS = 1;
const ANSWER_MS = 250;
const STANDSTILL_MS = 300;

it("does not take the standstill of its own page for the silence of the edge", async () => {
  const told: string[] = [];
  const probe: Upstream["probe"] = (onAnswer) => {
    const timer = setTimeout(() => {
      told.push("answered");
      onAnswer();
    }, ANSWER_MS);
    return () => clearTimeout(timer);
  };
  const watch = new EdgeWatch({
    upstream: () => ({ probe }) as Upstream,
    roundTripMs: () => ROUND_TRIP_MS,
    onSilent: () => told.push("silent"),
    onLateAnswer: () => told.push("late"),
  });
  watch.start();
  // The answer comes while nothing runs, and is found afterwards together with the time that has passed.
  const untilMs = performance.now() + STANDSTILL_MS;
  while (performance.now() < untilMs);
  await sleep(ANSWER_MS);
  watch.stop();
  expect(told).toEqual(["answered"]);
});
