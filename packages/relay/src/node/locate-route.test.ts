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
import { describeApi } from "./describe-api.ts";
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

interface Description {
  readonly paths: Record<
    string,
    {
      get: {
        parameters: { name: string; in: string; required: boolean }[];
        responses: Record<string, { content: Record<string, { schema: object }> }>;
      };
    }
  >;
}

async function start(
  nodes: readonly LocatableNode[] | undefined,
  verifier?: TokenVerifier,
): Promise<(query: string, path?: string) => Promise<Response>> {
  const server = await createHttpServer(
    { host: "127.0.0.1", port: 0 },
    {
      logger: createSilentLogger(),
      metrics: createMetrics({ processMetrics: false }),
      clock,
      readiness: () => ({ ready: true, reasons: [] }),
      beforeRoutes: (app) => describeApi(app, { title: "a node", version: "1.2.3", description: "" }),
    },
  );
  open.push(server);
  const known = nodes && new Map(nodes.map((node) => [node.id, node]));
  registerLocateRoute(server.app, {
    admission: createAdmission({ allowAnonymous: verifier === undefined }, { clock, verifier }),
    locator: known && new EdgeLocator({ region: "eu" }, { nodes: () => known, clock, random: Math.random }),
  });
  const { port } = await server.start();
  return (query, path = "/v1/locate") =>
    fetch(`http://127.0.0.1:${port}${path}${query}`, { headers: { origin: "https://tv.example" } });
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
    ["?broadcast=/", 400],
    ["?broadcast=a&broadcast=b", 400],
    ["?broadcast=a&region=b&region=c", 400],
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

  it("describes what it asks for and every answer that it gives", async () => {
    const ask = await start([edge(1, { parentSha256: "ab".repeat(32) })]);
    const { paths } = (await (await ask("", "/v1/openapi.json")).json()) as Description;
    const operation = paths["/v1/locate"]?.get;
    expect(operation?.parameters.map(({ name, in: place, required }) => [name, place, required])).toEqual([
      ["broadcast", "query", true],
      ["region", "query", false],
      ["jwt", "query", false],
    ]);
    expect(Object.keys(operation?.responses ?? {})).toEqual(["200", "400", "401", "403", "503"]);
    const schema = operation?.responses["200"]?.content["application/json"]?.schema as {
      properties: { edges: { items: { properties: Record<string, { pattern?: string }> } } };
    };
    const answer = (await (await ask("?broadcast=live/demo")).json()) as { edges: Record<string, string>[] };
    const { properties } = schema.properties.edges.items;
    for (const found of answer.edges) expect(Object.keys(found)).toEqual(Object.keys(properties));
    expect(answer.edges[0]?.certificateSha256).toMatch(
      new RegExp(properties.certificateSha256?.pattern ?? "$^"),
    );
  });
});
