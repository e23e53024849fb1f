import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { TrustedProxies } from "@canopy/runtime";
import { connectQuic } from "@canopy/transport/quic";
import { connectWebSocket } from "@canopy/transport/websocket";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GuardedNodes } from "../harness/guarded-nodes.ts";
import { request } from "../harness/show-token.ts";

const EVERYTHING = { root: "", put: [""], get: [""] };

let nodes: GuardedNodes;
beforeAll(async () => {
  nodes = await GuardedNodes.start({
    handshakesPerSecondPerAddress: 1,
    requestsPerSecondPerAddress: 5,
    corsOrigins: ["https://tv.example.org"],
    trustedProxies: new TrustedProxies(["127.0.0.1"]),
  });
});
afterAll(async () => {
  await nodes?.[Symbol.asyncDispose]();
});

/** As a proxy in front of the node passes it on. */
function from(address: string, init: RequestInit = {}): RequestInit {
  return { ...init, headers: { ...init.headers, "x-forwarded-for": address } };
}

describe("a node's limits", () => {
  it("hold for requests of one address, whatever it asks for, and not for others behind the same proxy", async () => {
    const { edge } = nodes;
    const ask = async (path: string, address: string): Promise<number> =>
      (await fetch(edge.url + path, from(address))).status;
    const paths = ["/livez", "/hls/live/a/index.m3u8", "/flv/live/a.flv", "/v1/topology", "/nowhere"];
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => ask(paths[index % paths.length] ?? "", "198.51.100.1")),
    );
    expect(answers.filter((status) => status === 429).length).toBeGreaterThan(20);
    expect(await ask("/livez", "198.51.100.2")).toBe(200);
    expect(edge.metrics.value("canopy_requests_refused_total", "rate")).toBeGreaterThan(20);
  });

  it("hold for the beginnings of sessions of one address, by every transport together", async () => {
    const { edge, forge, loop, logger } = nodes;
    const token = await forge.sign(EVERYTHING);
    const sha256 = [edge.server.certificate.current.sha256Hex];
    const target = { host: "127.0.0.1", port: edge.port, alpn: MOQ_PROTOCOLS, verify: { sha256 } };
    const dial = {
      webtransport: () => connectQuic({ ...target, webtransportPath: `/?jwt=${token}` }, { logger, loop }),
      websocket: () =>
        connectWebSocket(
          { url: `ws://127.0.0.1:${edge.port}/?jwt=${token}`, protocols: MOQ_PROTOCOLS },
          { loop },
        ),
    };
    const attempt = async (index: number): Promise<number | undefined> => {
      try {
        (await (index % 2 === 0 ? dial.webtransport() : dial.websocket())).close(0, "done");
        return 200;
      } catch (error) {
        return (error as { readonly status?: number }).status;
      }
    };
    const outcomes = await Promise.all(Array.from({ length: 12 }, (_, index) => attempt(index)));
    expect([...new Set(outcomes)].sort()).toEqual([200, 429]);
    expect(edge.metrics.value("canopy_sessions_rejected_total", "rate")).toBeGreaterThan(0);
  });

  it("hold for pages of other web origins, which may neither read answers nor open sessions", async () => {
    const { origin, forge } = nodes;
    const url = `${origin.url}/v1/broadcasts`;
    const ask = async (page: string): Promise<string | null> => {
      const response = await request(
        url,
        await forge.sign(EVERYTHING),
        from("198.51.100.3", { headers: { origin: page } }),
      );
      return response.headers.get("access-control-allow-origin");
    };
    expect(await ask("https://tv.example.org")).toBe("https://tv.example.org");
    expect(await ask("https://evil.example")).toBeNull();
  });
});
