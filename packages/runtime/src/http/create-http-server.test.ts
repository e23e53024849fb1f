import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { TrustedProxies } from "../limit/trusted-proxies.ts";
import { createSilentLogger } from "../log/logger.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { createClock } from "../time/clock.ts";
import type { Readiness } from "./basic-routes.ts";
import { createHttpServer, type HttpServer, type HttpServerOptions } from "./create-http-server.ts";
import { ProblemError } from "./problem.ts";

/** Far more than Node.js asks the system to keep (511), where the system keeps that many. */
const CROWD_SIZE = Math.min(1_500, readSystemLimit());
/** Connects as often at once as it is told, and ends when all are connected. */
const CROWD = `
  const { connect } = require("node:net");
  const [port, size] = process.argv.slice(1).map(Number);
  let connected = 0;
  for (let index = 0; index < size; index += 1) {
    connect(port, "127.0.0.1", () => {
      connected += 1;
      if (connected === size) process.stdout.write(connected + " connected", () => process.exit());
    });
  }`;

const open: HttpServer[] = [];
let readiness: Readiness = { ready: true, reasons: [] };

async function start(
  register?: (server: HttpServer) => void,
  options: Partial<HttpServerOptions> = {},
  metrics: Metrics = createMetrics({ processMetrics: false }),
): Promise<string> {
  const server = await createHttpServer(
    { host: "127.0.0.1", port: 0, bodyLimitBytes: 100, ...options },
    {
      logger: createSilentLogger(),
      metrics,
      clock: createClock(),
      readiness: () => readiness,
    },
  );
  open.push(server);
  register?.(server);
  const { port } = await server.start();
  return `http://127.0.0.1:${port}`;
}

function readSystemLimit(): number {
  const file = "/proc/sys/net/core/somaxconn";
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 128;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

describe("createHttpServer", () => {
  it("answers liveness, readiness, time and metrics", async () => {
    const url = await start();
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    readiness = { ready: false, reasons: ["no parent is connected"] };
    const notReady = await fetch(`${url}/readyz`);
    expect(notReady.status).toBe(503);
    expect(await notReady.json()).toMatchObject({ reasons: ["no parent is connected"] });
    readiness = { ready: true, reasons: [] };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    const { unixMicros } = (await (await fetch(`${url}/v1/time`)).json()) as { unixMicros: number };
    expect(Math.abs(unixMicros / 1_000 - Date.now())).toBeLessThan(5_000);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain("canopy_broadcasts 0");
  });

  it("has room for a crowd that connects before it can accept one", async () => {
    const url = await start();
    // This process does nothing meanwhile: who connects does so by the system's leave alone.
    const { stdout } = spawnSync(process.execPath, ["--eval", CROWD, new URL(url).port, String(CROWD_SIZE)], {
      encoding: "utf8",
      timeout: 30_000,
    });
    expect(stdout).toBe(`${CROWD_SIZE} connected`);
  });

  it("lets any origin read its answers", async () => {
    const url = await start();
    const response = await fetch(`${url}/livez`, { headers: { origin: "https://example.org" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    const preflight = await fetch(`${url}/v1/time`, {
      method: "OPTIONS",
      headers: { origin: "https://example.org", "access-control-request-method": "DELETE" },
    });
    expect(preflight.headers.get("access-control-allow-methods")).toContain("DELETE");
  });

  it("lets pages of the named origins alone read its answers, if any are named", async () => {
    const url = await start(undefined, { corsOrigins: ["https://tv.example.org", "https://example.org"] });
    const allowed = async (origin: string): Promise<string | null> =>
      (await fetch(`${url}/livez`, { headers: { origin } })).headers.get("access-control-allow-origin");
    expect(await allowed("https://tv.example.org")).toBe("https://tv.example.org");
    expect(await allowed("https://evil.example")).toBeNull();
  });

  it("answers 429 to an address that sends too many requests, and lets pages read that", async () => {
    const metrics = createMetrics({ processMetrics: false });
    const url = await start(undefined, { requestsPerSecondPerAddress: 1 }, metrics);
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => fetch(`${url}/livez`, { headers: { origin: "https://example.org" } })),
    );
    const refused = answers.filter(({ status }) => status === 429);
    // Two at once, and one more for every second that a busy machine takes.
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(2);
    expect(refused[0]?.headers.get("retry-after")).toBe("1");
    expect(refused[0]?.headers.get("access-control-allow-origin")).toBe("*");
    expect(await refused[0]?.json()).toMatchObject({ status: 429 });
    expect(metrics.value("canopy_requests_refused_total", "rate")).toBe(refused.length);
  });

  it("counts requests by the address that a trusted proxy tells, and believes nobody else", async () => {
    const ask = (url: string, from: string) =>
      fetch(`${url}/livez`, { headers: { "x-forwarded-for": from } }).then(({ status }) => status);
    const behind = await start(undefined, {
      requestsPerSecondPerAddress: 1,
      trustedProxies: new TrustedProxies(["127.0.0.1"]),
    });
    for (let index = 0; index < 10; index++) expect(await ask(behind, `198.51.100.${index}`)).toBe(200);
    const direct = await start(undefined, { requestsPerSecondPerAddress: 1 });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) => ask(direct, `198.51.100.${index}`)),
    );
    expect(answers).toContain(429);
  });

  it("closes connections beyond what one address may have", async () => {
    const metrics = createMetrics({ processMetrics: false });
    const url = new URL(await start(undefined, { maxConnectionsPerAddress: 3 }, metrics));
    const sockets = Array.from({ length: 5 }, () => connect(Number(url.port), "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => {});
    await expect
      .poll(() => metrics.value("canopy_requests_refused_total", "connections"), { timeout: 10_000 })
      .toBe(2);
    await expect.poll(() => sockets.filter((socket) => socket.destroyed).length, { timeout: 10_000 }).toBe(2);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await fetch(`${url.origin}/livez`)).status, { timeout: 10_000 }).toBe(200);
  });

  it("writes every error as problem+json and hides its own faults", async () => {
    const url = await start(({ app }) => {
      app.get("/limited", () => {
        throw new ProblemError(429, "Too Many Requests", "30 per second", {
          headers: { "retry-after": "1" },
        });
      });
      app.get("/broken", () => {
        throw new Error("the password is 1234");
      });
      app.post("/typed", { schema: { body: { type: "object", required: ["a"] } } }, () => "ok");
    });
    const limited = await fetch(`${url}/limited`);
    expect(limited.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    expect(limited.headers.get("retry-after")).toBe("1");
    expect(await limited.json()).toEqual({
      type: "about:blank",
      status: 429,
      title: "Too Many Requests",
      detail: "30 per second",
    });
    const broken = await fetch(`${url}/broken`);
    expect(broken.status).toBe(500);
    expect(await broken.text()).not.toContain("1234");
    const missing = await fetch(`${url}/nowhere?jwt=secret`);
    expect(missing.status).toBe(404);
    expect(await missing.text()).not.toContain("secret");
    const undecodable = await fetch(`${url}/v1/%zz`);
    expect(undecodable.status).toBe(400);
    expect(undecodable.headers.get("content-type")).toMatch(/^application\/problem\+json/);
    const post = (body: string) =>
      fetch(`${url}/typed`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const invalid = await post("{}");
    expect(invalid.status).toBe(400);
    expect(await invalid.json()).toMatchObject({ errors: [{ detail: "must have required property 'a'" }] });
    expect((await post("{")).status).toBe(400);
    const large = await post(JSON.stringify({ a: "x".repeat(200) }));
    expect(large.status).toBe(413);
    expect(large.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  });

  it("names the option when its port is taken", async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
    const { port } = blocker.address() as { port: number };
    const server = await createHttpServer(
      { host: "127.0.0.1", port, portOption: "origin-port" },
      {
        logger: createSilentLogger(),
        metrics: createMetrics({ processMetrics: false }),
        clock: createClock(),
      },
    );
    open.push(server);
    await expect(server.start()).rejects.toMatchObject({
      code: "listen-failed",
      message: expect.stringContaining("--origin-port"),
    });
    blocker.close();
  });
});
