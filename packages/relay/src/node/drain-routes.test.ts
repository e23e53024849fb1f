import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  type HttpServer,
} from "@canopy/runtime";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAdmission } from "./admission.ts";
import { NodeDrain } from "./drain-node.ts";
import { registerDrainRoutes } from "./drain-routes.ts";

const logger = createSilentLogger();
const clock = createClock();
let http: HttpServer;
let drain: NodeDrain;

beforeEach(async () => {
  const metrics = createMetrics({ processMetrics: false });
  http = await createHttpServer({ host: "127.0.0.1", port: 0 }, { logger, metrics, clock });
  drain = new NodeDrain({ timeoutMs: 5_000, uri: undefined }, { logger });
  const admission = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
  registerDrainRoutes(http.app, { admission, drain, sessionCount: () => 7 });
});

afterEach(() => http.close());

describe("registerDrainRoutes", () => {
  it("begins a drain without a body, and tells how far it is", async () => {
    const before = await http.app.inject({ method: "GET", url: "/v1/drain" });
    expect(before.json()).toEqual({ draining: false, sessions: 7, deadlineMs: null });
    const begun = await http.app.inject({ method: "POST", url: "/v1/drain" });
    expect(begun.statusCode).toBe(202);
    expect(begun.json()).toMatchObject({ draining: true, sessions: 7 });
    await drain.requested;
  });

  it("takes a place and a time", async () => {
    const payload = { to: "https://edge-2.example.com:4443", seconds: 60 };
    const begun = await http.app.inject({ method: "POST", url: "/v1/drain", payload });
    expect(begun.statusCode).toBe(202);
    const { deadlineMs } = begun.json<{ deadlineMs: number }>();
    expect(deadlineMs - Date.now()).toBeGreaterThan(50_000);
  });

  it.each([
    [{ to: "http://edge:4443" }],
    [{ to: "nowhere" }],
    [{ to: `https://a/${"x".repeat(3_000)}` }],
    [{ seconds: -1 }],
    [{ seconds: "5" }],
    [{ secnods: 5 }],
    [[]],
  ])("refuses %j with a problem", async (payload) => {
    const answer = await http.app.inject({ method: "POST", url: "/v1/drain", payload });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(drain.isRequested).toBe(false);
  });

  it("refuses web pages and other machines, and answers nothing about the node", async () => {
    const page = { method: "POST" as const, url: "/v1/drain", headers: { origin: "https://evil.example" } };
    const refused = await http.app.inject(page);
    expect(refused.statusCode).toBe(403);
    const remote = await http.app.inject({ method: "GET", url: "/v1/drain", remoteAddress: "192.0.2.7" });
    expect(remote.statusCode).toBe(403);
    expect(drain.isRequested).toBe(false);
  });
});
