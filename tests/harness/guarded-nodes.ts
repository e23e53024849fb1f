import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EdgeNode, type EdgeNodeOptions } from "@canopy/edge";
import { OriginNode } from "@canopy/origin";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import {
  createSessionListener,
  developmentHosts,
  NodeDrain,
  NodeServer,
  type NodeServerOptions,
} from "@canopy/relay/node";
import {
  type Clock,
  createClock,
  createMetrics,
  createSilentLogger,
  Lifetime,
  type Metrics,
} from "@canopy/runtime";
import { createDevelopmentCertificate, QuicLoop } from "@canopy/transport/quic";
import { openWebRtcEngine } from "@canopy/transport/webrtc";
import { TokenForge } from "./token-forge.ts";

const HOST = "127.0.0.1";
/** Clients that only show tokens never finish their handshakes, and their sessions have to stay all the same. */
const WEBRTC = { host: HOST, port: 0, limits: { handshakeTimeoutMs: 300_000 } };
const LIMITS = { maxSessions: 200, maxSessionsPerAddress: 200 };

/** One node on free ports of this process. */
export interface GuardedNode {
  readonly url: string;
  readonly port: number;
  readonly server: NodeServer;
  readonly metrics: Metrics;
}

/** An origin and an edge that let nobody in without a token. They do not know of each other. */
export class GuardedNodes implements AsyncDisposable {
  readonly forge: TokenForge;
  readonly clock: Clock;
  readonly loop = new QuicLoop();
  readonly logger = createSilentLogger();
  readonly #lifetime = new Lifetime({ logger: createSilentLogger() });
  #origin: (GuardedNode & { readonly node: OriginNode }) | undefined;
  #edge: (GuardedNode & { readonly node: EdgeNode }) | undefined;

  private constructor(forge: TokenForge, clock: Clock) {
    this.forge = forge;
    this.clock = clock;
  }

  static async start(options: Partial<NodeServerOptions & EdgeNodeOptions> = {}): Promise<GuardedNodes> {
    const clock = createClock();
    const nodes = new GuardedNodes(await TokenForge.create(clock), clock);
    nodes.#origin = await nodes.#startOrigin(options);
    nodes.#edge = await nodes.#startEdge(options);
    return nodes;
  }

  get origin(): GuardedNode & { readonly node: OriginNode } {
    if (this.#origin === undefined) throw new Error("the origin has not started");
    return this.#origin;
  }

  get edge(): GuardedNode & { readonly node: EdgeNode } {
    if (this.#edge === undefined) throw new Error("the edge has not started");
    return this.#edge;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lifetime.close();
  }

  async #startOrigin(options: Partial<NodeServerOptions>) {
    const { clock, logger, loop, forge } = this;
    const lifetime = this.#lifetime;
    const metrics = createMetrics({ processMetrics: false });
    const folder = mkdtempSync(join(tmpdir(), "canopy-guarded-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    const webrtc = lifetime.own("webrtc", await openWebRtcEngine(WEBRTC, { logger }));
    const node = lifetime.own(
      "origin",
      new OriginNode(
        { name: "origin", version: "1.2.3", rtmp: { host: HOST, port: 0 }, recordings: { folder } },
        { clock, logger, metrics, webrtc },
      ),
    );
    const server = await NodeServer.open(
      {
        ...{ host: HOST, port: 0, portOption: "port", tls: undefined, allowAnonymous: false },
        ...{ protocols: MOQ_PROTOCOLS, ...LIMITS, api: node.api, ...options },
      },
      {
        ...{ node, logger, metrics, clock, verifier: forge.verifier },
        drain: new NodeDrain({ timeoutMs: 0, uri: undefined }, { logger }),
        registerRoutes: (app, admission, gate) => node.registerRoutes(app, admission, gate),
        listenSessions: createSessionListener({ protocols: MOQ_PROTOCOLS, ...LIMITS }, { logger, loop }),
        createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(HOST)),
      },
    );
    lifetime.own("origin server", server);
    await node.start();
    return { node, server, metrics, port: server.port, url: `http://${HOST}:${server.port}` };
  }

  async #startEdge(options: Partial<EdgeNodeOptions>) {
    const { clock, logger, forge } = this;
    const lifetime = this.#lifetime;
    const metrics = createMetrics({ processMetrics: false });
    const webrtc = lifetime.own("webrtc", await openWebRtcEngine(WEBRTC, { logger }));
    const drain = new NodeDrain({ timeoutMs: 0, uri: undefined }, { logger });
    const node = await EdgeNode.open(
      {
        ...{ name: "edge", tier: 2, host: HOST, port: 0, tls: undefined, allowAnonymous: false, ...LIMITS },
        ...{ parents: [], parentTrust: { ca: undefined, sha256: [] }, parentToken: undefined, ...options },
      },
      { logger, metrics, clock, verifier: forge.verifier, webrtc, drain },
    );
    lifetime.own("edge", node);
    return { node, server: node.server, metrics, port: node.port, url: `http://${HOST}:${node.port}` };
  }
}
