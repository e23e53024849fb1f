import { type Admitted, createAdmission, SessionGate } from "@canopy/relay/node";
import { type Clock, createMetrics, createSilentLogger } from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { HlsSessions } from "./hls-sessions.ts";

let nowMs = 1_000_000;
const clock: Clock = { nowMs: () => nowMs, nowUs: () => nowMs * 1_000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const admission = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
  const metrics = createMetrics({ processMetrics: false });
  const gate = new SessionGate(
    { protocols: [], maxSessions: 10, maxSessionsPerAddress: 10 },
    { admission, clock, metrics, logger: createSilentLogger() },
  );
  const sessions = new HlsSessions({ nowMs: () => nowMs });
  return { sessions, metrics, parts: { gate, address: "192.0.2.1" } };
}

const until = (expiresAtMs: number | undefined): Admitted => ({
  admitted: true,
  scope: { root: "", put: [], get: [""] },
  expiresAtMs,
  claims: undefined,
});

/** A second, in which the gate looks at all sessions. */
function pass(ms: number): void {
  nowMs += ms;
  vi.advanceTimersByTime(ms);
}

describe("HlsSessions", () => {
  it("ends a viewer with his token, and begins anew with a newer one", () => {
    const { sessions, metrics, parts } = setUp();
    const id = sessions.createId();
    const short = until(nowMs + 5_000);
    sessions.touch(id, short, parts);
    pass(4_000);
    sessions.touch(id, short, parts);
    pass(2_000);
    expect(() => sessions.touch(id, short, parts)).toThrowError(expect.objectContaining({ status: 401 }));
    expect(metrics.value("canopy_sessions", "hls")).toBe(0);
    sessions.touch(id, until(nowMs + 5_000), parts);
    expect(metrics.value("canopy_sessions", "hls")).toBe(1);
    expect(metrics.value("canopy_sessions_opened_total")).toBe(2);
  });

  it("does not let the end of one viewer keep out another of his address who has no id", () => {
    const { sessions, parts } = setUp();
    sessions.touch(undefined, until(nowMs + 1_000), parts);
    pass(2_000);
    sessions.touch(undefined, until(undefined), parts);
    sessions.touch(undefined, until(nowMs + 60_000), parts);
    expect(sessions.size).toBe(1);
  });
});
