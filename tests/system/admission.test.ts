import { EdgeNode } from "@canopy/edge";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode } from "@canopy/relay";
import { createSessionListener, developmentHosts, NodeServer } from "@canopy/relay/node";
import {
  createClock,
  createMetrics,
  createSilentLogger,
  Lifetime,
  loadTokenKeys,
  type Metrics,
  signToken,
  type TokenKey,
  TokenVerifier,
} from "@canopy/runtime";
import type { Session, SessionClose } from "@canopy/transport";
import { connectQuic, createDevelopmentCertificate, QuicLoop } from "@canopy/transport/quic";
import { connectWebSocket } from "@canopy/transport/websocket";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../harness/wait-for.ts";

const logger = createSilentLogger();
const clock = createClock();
const loop = new QuicLoop();
const lifetime = new Lifetime({ logger });
const metrics = createMetrics({ processMetrics: false });

let key: TokenKey;
let root: NodeServer;

/** A node with a broadcast and a key, as an origin has them. */
beforeAll(async () => {
  const jwk = { kty: "oct", alg: "HS256", k: Buffer.alloc(32, 9).toString("base64url") };
  const [loaded] = await loadTokenKeys(JSON.stringify(jwk));
  if (loaded === undefined) throw new Error("one key was given");
  key = loaded;
  const relay = lifetime.own("relay", new RelayNode({ name: "root", tier: 0 }, { logger, metrics, clock }));
  relay.store.publish("live/a");
  relay.store.publish("secret/b");
  relay.start();
  const options = { protocols: MOQ_PROTOCOLS, maxSessions: 10, maxSessionsPerAddress: 4 };
  root = await NodeServer.open(
    { ...options, host: "127.0.0.1", port: 0, portOption: "port", tls: undefined, allowAnonymous: false },
    {
      node: relay,
      logger,
      metrics,
      clock,
      verifier: new TokenVerifier({ keys: [key] }, { clock }),
      listenSessions: createSessionListener(options, { logger, loop }),
      createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts("127.0.0.1")),
    },
  );
  lifetime.own("server", root);
});
afterAll(async () => {
  expect(await lifetime.close()).toBe(true);
});

function token(grant: { root: string; get: readonly string[] }, secondsLeft: number): Promise<string> {
  const issuedAtSeconds = Math.floor(clock.nowMs() / 1_000);
  return signToken(
    { ...grant, put: [], issuedAtSeconds, expiresAtSeconds: issuedAtSeconds + secondsLeft },
    key,
  );
}

function openEdge(
  options: { readonly parentToken?: string },
  edgeMetrics: Metrics = createMetrics({ processMetrics: false }),
): Promise<EdgeNode> {
  return EdgeNode.open(
    {
      name: "edge",
      tier: 2,
      host: "127.0.0.1",
      port: 0,
      tls: undefined,
      allowAnonymous: true,
      maxSessions: 10,
      maxSessionsPerAddress: 10,
      parents: [`https://127.0.0.1:${root.port}`],
      parentTrust: { ca: undefined, sha256: [] },
      parentToken: options.parentToken,
    },
    { logger, clock, metrics: edgeMetrics, verifier: undefined },
  );
}

type Carrier = "webtransport" | "websocket";
const CARRIERS: readonly Carrier[] = ["webtransport", "websocket"];

async function dial(path: string, carrier: Carrier): Promise<Session> {
  if (carrier === "websocket") {
    return connectWebSocket(
      { url: `ws://127.0.0.1:${root.port}${path}`, protocols: MOQ_PROTOCOLS },
      { loop },
    );
  }
  const sha256 = [root.certificate.current.sha256Hex];
  const target = { host: "127.0.0.1", port: root.port, alpn: MOQ_PROTOCOLS, verify: { sha256 } };
  return connectQuic({ ...target, webtransportPath: path }, { logger, loop });
}

async function connect(
  path: string,
  carrier: Carrier,
): Promise<{ session: Session; closed: Promise<SessionClose> }> {
  const session = await dial(path, carrier);
  const closed = new Promise<SessionClose>((resolve) => {
    session.handler = {
      onUniStream: () => {},
      onBidiStream: () => {},
      onDatagram: () => {},
      onStreamsAvailable: () => {},
      onClose: resolve,
    };
  });
  return { session, closed };
}

async function announced(edge: EdgeNode): Promise<string> {
  return (await fetch(`http://127.0.0.1:${edge.port}/announced`)).text();
}

describe("EdgeNode", () => {
  it("takes from its parent what its token grants, by the path in SETUP", async () => {
    await using edge = await openEdge({ parentToken: await token({ root: "", get: ["live"] }, 60) });
    await waitFor("the parent", () => edge.relay.readiness().ready);
    await waitFor("live/a", async () => (await announced(edge)) === "live/a\n");
  });

  it("is not ready without a token that the parent asks for", async () => {
    const before = metrics.value("canopy_sessions_rejected_total", "unauthorized");
    await using edge = await openEdge({});
    await waitFor(
      "a refusal",
      () => metrics.value("canopy_sessions_rejected_total", "unauthorized") > before,
    );
    expect((await fetch(`http://127.0.0.1:${edge.port}/livez`)).status).toBe(200);
    const ready = await fetch(`http://127.0.0.1:${edge.port}/readyz`);
    expect(ready.status).toBe(503);
  });

  it("leaves nothing open", async () => {
    const edge = await openEdge({ parentToken: await token({ root: "", get: [""] }, 60) });
    await waitFor("the parent", () => edge.relay.readiness().ready);
    const { port } = edge;
    await edge.close();
    await edge.close();
    expect(edge.relay.openCount).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });
});

describe("NodeServer", () => {
  it.each(CARRIERS)(
    "opens no %s session whose token is missing, wrong, or for another path, and says why",
    async (carrier) => {
      const good = await token({ root: "live", get: [""] }, 60);
      for (const [path, status, reason] of [
        ["/", 401, "a token is needed"],
        ["/?jwt=a.b.c", 401, "the token is not a JWT"],
        [`/secret?jwt=${good}`, 403, "the token grants nothing below this path"],
      ] as const) {
        await expect(connect(path, carrier)).rejects.toMatchObject({ code: "session-rejected", status });
        // Browsers are not told the status of a refused session: they ask for it over HTTP.
        const asked = await fetch(
          `http://127.0.0.1:${root.port}/v1/admission?path=${encodeURIComponent(path)}`,
        );
        expect(asked.status).toBe(status);
        expect(asked.headers.get("access-control-allow-origin")).toBe("*");
        expect(await asked.json()).toMatchObject({ status, detail: reason });
      }
      const path = encodeURIComponent(`/live?jwt=${good}`);
      expect((await fetch(`http://127.0.0.1:${root.port}/v1/admission?path=${path}`)).status).toBe(204);
      expect((await fetch(`http://127.0.0.1:${root.port}/v1/admission?path=%2F&path=%2F`)).status).toBe(400);
    },
  );

  it.each(CARRIERS)("closes a %s session when its token expires", async (carrier) => {
    const { session, closed } = await connect(
      `/live?jwt=${await token({ root: "live", get: [""] }, 6)}`,
      carrier,
    );
    await waitFor("the session", () => metrics.value("canopy_sessions", carrier) === 1);
    expect(session.closed).toBe(false);
    expect(await closed).toMatchObject({ code: 6, reason: "the token has expired" });
    await waitFor("the end", () => metrics.value("canopy_sessions", carrier) === 0);
  });

  it.each(CARRIERS)("answers 429 to more %s sessions than an address may have", async (carrier) => {
    const path = `/live?jwt=${await token({ root: "live", get: [""] }, 60)}`;
    await waitFor("former sessions to be forgotten", () => root.gate.size === 0);
    const open = await Promise.all([1, 2, 3, 4].map(() => connect(path, carrier)));
    await expect(connect(path, carrier)).rejects.toMatchObject({ code: "session-rejected", status: 429 });
    for (const { session } of open) session.close(0, "done");
  });

  it("shows over HTTP only what the token grants", async () => {
    const url = `http://127.0.0.1:${root.port}`;
    expect((await fetch(`${url}/announced`)).status).toBe(401);
    const jwt = await token({ root: "live", get: [""] }, 60);
    expect(await (await fetch(`${url}/announced?jwt=${jwt}`)).text()).toBe("live/a\n");
    const headers = { authorization: `Bearer ${jwt}` };
    const topology = await fetch(`${url}/v1/topology`, { headers });
    expect(topology.status).toBe(200);
    const { broadcasts } = (await topology.json()) as { broadcasts: { path: string }[] };
    expect(broadcasts.map(({ path }) => path)).toEqual(["live/a"]);
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});
