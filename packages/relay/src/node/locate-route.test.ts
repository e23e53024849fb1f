import {
  createClock,
  createHttpServer,
  createMetrics,
  createSilentLogger,
  type HttpServer,
  loadTokenKeys,
  signToken,
  TokenVerifier,
} from "@canopy/runtime";
import { afterEach, describe, expect, it } from "vitest";
import { EdgeLocator, type LocatableNode } from "../tree/edge-locator.ts";
import { createAdmission } from "./admission.ts";
import { registerLocateRoute } from "./locate-route.ts";

const clock = createClock();
const open: HttpServer[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

function edge(id: number, more: Partial<LocatableNode> = {}): LocatableNode {
  return {
    id,
    tier: 2,
    region: "eu",
    url: `https://edge-${id}:4443`,
    httpUrl: `http://edge-${id}:4443`,
    draining: false,
    load: { sessions: 0, maxSessions: 2_000, utilization: 0 },
    startedAtMs: 0,
    ...more,
  };
}

async function start(
  nodes: readonly LocatableNode[] | undefined,
  verifier?: TokenVerifier,
): Promise<(query: string) => Promise<Response>> {
  const server = await createHttpServer(
    { host: "127.0.0.1", port: 0 },
    {
      logger: createSilentLogger(),
      metrics: createMetrics({ processMetrics: false }),
      clock,
      readiness: () => ({ ready: true, reasons: [] }),
    },
  );
  open.push(server);
  registerLocateRoute(server.app, {
    admission: createAdmission({ allowAnonymous: verifier === undefined }, { clock, verifier }),
    locator: nodes && new EdgeLocator({ region: "eu" }, { nodes: () => nodes, clock, random: Math.random }),
  });
  const { port } = await server.start();
  return (query) =>
    fetch(`http://127.0.0.1:${port}/v1/locate${query}`, { headers: { origin: "https://tv.example" } });
}

describe("registerLocateRoute", () => {
  it("names two or three edges of the region to any page", async () => {
    const ask = await start([
      edge(1, { parentSha256: "ab".repeat(32) }),
      edge(2, { region: "us" }),
      edge(3, { tier: 1 }),
      edge(4, { region: "us" }),
    ]);
    const response = await ask("?broadcast=live/demo");
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const { edges } = (await response.json()) as { edges: { region: string }[] };
    expect(edges).toHaveLength(3);
    expect(edges[0]).toEqual({
      url: "https://edge-1:4443",
      httpUrl: "http://edge-1:4443",
      region: "eu",
      certificateSha256: "ab".repeat(32),
    });
    const abroad = (await (await ask("?broadcast=live/demo&region=us")).json()) as typeof response & {
      edges: { region: string }[];
    };
    expect(abroad.edges.map(({ region }) => region)).toEqual(["us", "us", "eu"]);
  });

  it.each([
    ["", 400],
    ["?broadcast=", 400],
    ["?broadcast=a&broadcast=b", 400],
    [`?broadcast=${"x".repeat(1_025)}`, 400],
    [`?broadcast=live/demo&region=${"x".repeat(65)}`, 400],
  ])("refuses %s", async (query, status) => {
    const ask = await start([edge(1)]);
    const response = await ask(query);
    expect(response.status).toBe(status);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
  });

  it("says when it knows no edge, and when it follows no registry", async () => {
    const empty = await (await start([]))("?broadcast=live/demo");
    expect([empty.status, empty.headers.get("retry-after")]).toEqual([503, "2"]);
    const alone = await (await start(undefined))("?broadcast=live/demo");
    expect(alone.status).toBe(503);
    expect(((await alone.json()) as { detail: string }).detail).toContain("registry");
  });

  it("wants a token that lets its owner watch the broadcast where the node wants tokens", async () => {
    const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 9).toString("base64url") };
    const keys = await loadTokenKeys(JSON.stringify(jwk));
    const [key] = keys;
    if (key === undefined) throw new Error("one key was given");
    const issuedAtSeconds = Math.floor(clock.nowMs() / 1_000);
    const token = await signToken(
      {
        root: "",
        put: [],
        get: ["live"],
        issuedAtSeconds,
        expiresAtSeconds: issuedAtSeconds + 60,
      },
      key,
    );
    const ask = await start([edge(1)], new TokenVerifier({ keys }, { clock }));
    expect((await ask("?broadcast=live/demo")).status).toBe(401);
    expect((await ask(`?broadcast=live/demo&jwt=${token}`)).status).toBe(200);
    expect((await ask(`?broadcast=secret/demo&jwt=${token}`)).status).toBe(403);
  });
});
