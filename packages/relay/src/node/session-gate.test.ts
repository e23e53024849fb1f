import { type Clock, createMetrics, createSilentLogger } from "@canopy/runtime";
import type { Session, SessionDecision, SessionRequest } from "@canopy/transport";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Admission, type Admitted, createAdmission, type Refused } from "./admission.ts";
import { SessionGate } from "./session-gate.ts";

let nowMs = 1_000_000;
const clock: Clock = { nowMs: () => nowMs, nowUs: () => nowMs * 1_000 };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

interface FakeSession extends Session {
  closedWith: [number, string] | undefined;
}

function fakeSession(remoteAddress = "10.0.0.1:5000"): FakeSession {
  const session = {
    id: 1,
    kind: "quic",
    remoteAddress,
    closed: false,
    closedWith: undefined as [number, string] | undefined,
    close(code: number, reason: string) {
      session.closed = true;
      session.closedWith = [code, reason];
    },
  };
  return session as unknown as FakeSession;
}

const request = (protocols: string[], remoteAddress = "10.0.0.1:5000"): SessionRequest => ({
  kind: "webtransport",
  remoteAddress,
  path: "/",
  origin: undefined,
  protocols,
});

/** The answer, at once or later. */
function ask(gate: SessionGate, asked: SessionRequest): Promise<SessionDecision> {
  return new Promise((resolve) => {
    const decision = gate.decide(asked, resolve);
    if (decision !== undefined) resolve(decision);
  });
}

function setUp(
  admission: Admission = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined }),
) {
  const metrics = createMetrics({ processMetrics: false });
  const gate = new SessionGate(
    { protocols: ["moq-lite-05", "moq-lite-04"], maxSessions: 3, maxSessionsPerAddress: 2 },
    { admission, clock, metrics, logger: createSilentLogger() },
  );
  return { gate, metrics };
}

const answering = (answer: Admitted | Refused): Admission =>
  ({ admitsAnonymous: false, authorize: () => Promise.resolve(answer) }) as unknown as Admission;

describe("SessionGate", () => {
  it("looks at the token that comes beside the path, before a session and in it", async () => {
    const seen: (string | undefined)[] = [];
    const admission = {
      admitsAnonymous: false,
      authorize: (_path: string, bearer?: string): Promise<Admitted> => {
        seen.push(bearer);
        const scope = { root: "", put: [], get: [""] };
        return Promise.resolve({ admitted: true, scope, expiresAtMs: undefined, claims: undefined });
      },
    } as unknown as Admission;
    const { gate } = setUp(admission);
    await ask(gate, { ...request(["moq-lite-05"]), bearer: "a.b.c" });
    const session: FakeSession = Object.assign(fakeSession(), { bearer: "a.b.c" });
    await gate.admit(session)("/live");
    expect(seen).toEqual(["a.b.c", "a.b.c"]);
    expect(session.closed).toBe(false);
  });

  it("chooses its best protocol among the offered ones, and the legacy start for no offer", async () => {
    const { gate } = setUp();
    expect(await ask(gate, request(["moq-lite-04", "moq-lite-05"]))).toEqual({
      accept: true,
      protocol: "moq-lite-05",
    });
    expect(await ask(gate, request([]))).toEqual({ accept: true, protocol: "" });
    expect(await ask(gate, request(["moqt-99"]))).toMatchObject({ accept: false, status: 406 });
  });

  it("refuses a session whose token is not good before it opens, and raw QUIC only by its path", async () => {
    const { gate, metrics } = setUp(
      answering({ admitted: false, reason: "unauthorized", status: 401, message: "a token is needed" }),
    );
    expect(await ask(gate, request([]))).toEqual({ accept: false, status: 401, reason: "a token is needed" });
    expect(metrics.value("canopy_sessions_rejected_total", "unauthorized")).toBe(1);
    expect(await ask(gate, { ...request([]), kind: "quic", path: "" })).toMatchObject({ accept: true });
  });

  it("says so if the token could not be verified", async () => {
    const { gate } = setUp({
      admitsAnonymous: false,
      authorize: () => Promise.reject(new Error("no keys")),
    } as unknown as Admission);
    expect(await ask(gate, request([]))).toMatchObject({ accept: false, status: 500 });
  });

  it("looks at its limits again when tokens are verified, of those who came together as well", async () => {
    const { gate } = setUp();
    const decisions: SessionDecision[] = [];
    for (let index = 0; index < 5; index += 1) {
      gate.decide(request([]), (decision) => {
        decisions.push(decision);
        if (decision.accept) gate.admit(fakeSession());
      });
    }
    await vi.waitFor(() => expect(decisions).toHaveLength(5));
    expect(decisions.map(({ accept }) => accept)).toEqual([true, true, false, false, false]);
  });

  it("limits sessions in all and per address, and forgets closed ones", async () => {
    const { gate, metrics } = setUp();
    const first = fakeSession();
    gate.admit(first);
    gate.admit(fakeSession());
    expect(await ask(gate, request([]))).toMatchObject({ accept: false, status: 429 });
    expect(await ask(gate, request([], "10.0.0.2:1"))).toMatchObject({ accept: true });
    gate.admit(fakeSession("10.0.0.2:1"));
    expect(await ask(gate, request([], "10.0.0.3:1"))).toMatchObject({ accept: false, status: 503 });
    first.close(0, "");
    expect(await ask(gate, request([]))).toMatchObject({ accept: true });
    expect(gate.size).toBe(2);
    expect(metrics.value("canopy_sessions_rejected_total", "address-limit")).toBe(1);
    expect(metrics.value("canopy_sessions_rejected_total", "limit")).toBe(1);
  });

  it("counts a session as open once it is authorized", async () => {
    const { gate, metrics } = setUp();
    const session = fakeSession();
    const authorize = gate.admit(session);
    expect(metrics.value("canopy_sessions", "quic")).toBe(0);
    expect(await authorize("/live")).toEqual({ root: "live", put: [""], get: [""] });
    expect(metrics.value("canopy_sessions", "quic")).toBe(1);
    expect(metrics.value("canopy_sessions_opened_total")).toBe(1);
    session.close(0, "");
    expect(gate.size).toBe(0);
    expect(metrics.value("canopy_sessions", "quic")).toBe(0);
  });

  it("closes a refused session and says why", async () => {
    const { gate, metrics } = setUp(
      answering({ admitted: false, reason: "forbidden", status: 403, message: "nothing below this path" }),
    );
    const session = fakeSession();
    expect(await gate.admit(session)("/x")).toBeUndefined();
    expect(session.closedWith).toEqual([6, "nothing below this path"]);
    expect(metrics.value("canopy_sessions_rejected_total", "forbidden")).toBe(1);
  });

  it("rations the beginnings of sessions per address, before tokens are looked at", async () => {
    const authorize = vi.fn(() => Promise.reject(new Error("not to be asked")));
    const metrics = createMetrics({ processMetrics: false });
    const admission = { keysVersion: 0, authorize } as unknown as Admission;
    const gate = new SessionGate(
      { protocols: [], maxSessions: 9, maxSessionsPerAddress: 9, handshakesPerSecondPerAddress: 1 },
      { admission, clock, metrics, logger: createSilentLogger() },
    );
    gate.decide(request([]), () => {});
    gate.decide(request([]), () => {});
    expect(await ask(gate, request([]))).toMatchObject({ accept: false, status: 429 });
    expect(gate.checkHandshake("10.0.0.1:9")).toMatchObject({ status: 429, reason: "rate" });
    expect(gate.checkHandshake("10.0.0.2:9")).toBeUndefined();
    expect(gate.checkRoom("10.0.0.1:9")).toBeUndefined();
    expect(authorize).toHaveBeenCalledTimes(2);
    expect(metrics.value("canopy_sessions_rejected_total", "rate")).toBe(2);
    nowMs += 1_000;
    expect(gate.checkHandshake("10.0.0.1:9")).toBeUndefined();
    gate.close();
  });

  it("lets pages of the named origins alone open sessions, if any are named", async () => {
    const metrics = createMetrics({ processMetrics: false });
    const admission = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
    const gate = new SessionGate(
      { protocols: [], maxSessions: 9, maxSessionsPerAddress: 9, corsOrigins: ["https://tv.example.org"] },
      { admission, clock, metrics, logger: createSilentLogger() },
    );
    const from = (origin: string | undefined) => ask(gate, { ...request([]), origin });
    expect(await from("https://evil.example")).toMatchObject({ accept: false, status: 403 });
    expect(await from("https://tv.example.org")).toMatchObject({ accept: true });
    expect(await from(undefined)).toMatchObject({ accept: true });
    expect(metrics.value("canopy_sessions_rejected_total", "origin")).toBe(1);
    gate.close();
  });

  it("closes sessions whose token's key was withdrawn, and no others", async () => {
    let version = 0;
    const admission = {
      get keysVersion() {
        return version;
      },
      isWithdrawn: ({ signedBy }: { signedBy: string }) => signedBy === "old",
    } as unknown as Admission;
    const { gate } = setUp(admission);
    const scope = { root: "", put: [], get: [""] };
    const admitted = (signedBy: string): Admitted => ({
      admitted: true,
      scope,
      expiresAtMs: undefined,
      claims: { signedBy } as Admitted["claims"],
    });
    const [old, kept] = [fakeSession(), fakeSession("10.0.0.2:1")];
    gate.admitChecked(old, old.remoteAddress, admitted("old"));
    gate.admitChecked(kept, kept.remoteAddress, admitted("new"));
    vi.advanceTimersByTime(2_000);
    expect(old.closed).toBe(false);
    version = 1;
    vi.advanceTimersByTime(1_000);
    expect(old.closedWith).toEqual([6, "the token's key was withdrawn"]);
    expect(kept.closed).toBe(false);
    gate.close();
  });

  it("closes a session when its token expires", async () => {
    const scope = { root: "", put: [], get: [""] };
    const { gate } = setUp(
      answering({ admitted: true, scope, expiresAtMs: nowMs + 5_000, claims: undefined }),
    );
    const session = fakeSession();
    await gate.admit(session)("/");
    nowMs += 4_000;
    vi.advanceTimersByTime(1_000);
    expect(session.closed).toBe(false);
    nowMs += 1_000;
    vi.advanceTimersByTime(1_000);
    expect(session.closedWith).toEqual([6, "the token has expired"]);
    gate.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("closes a session that never shows its path", () => {
    const { gate, metrics } = setUp();
    const session = fakeSession();
    gate.admit(session);
    nowMs += 11_000;
    vi.advanceTimersByTime(1_000);
    expect(session.closed).toBe(true);
    expect(metrics.value("canopy_sessions_rejected_total", "timeout")).toBe(1);
  });

  it("refuses everybody while it drains", async () => {
    const { gate } = setUp();
    gate.drain();
    expect(await ask(gate, request([]))).toMatchObject({ accept: false, status: 503 });
  });
});
