import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode, StaticParents } from "@canopy/relay";
import {
  type CertificateFiles,
  createQuicLoop,
  createSessionListener,
  developmentHosts,
  NodeServer,
  type QuicSettings,
  quicTransport,
} from "@canopy/relay/node";
import { type Clock, Lifetime, type Logger, type Metrics, type TokenVerifier } from "@canopy/runtime";
import { createDevelopmentCertificate, type QuicLoop } from "@canopy/transport/quic";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import { FlvEndpoint } from "./downstream/flv/flv-endpoint.ts";
import { DEFAULT_FLV_OPTIONS, type FlvOptions } from "./downstream/flv/flv-options.ts";
import { HlsEndpoint } from "./downstream/hls/hls-endpoint.ts";
import { DEFAULT_HLS_OPTIONS, type HlsOptions } from "./downstream/hls/hls-options.ts";
import { WhepEndpoint } from "./downstream/whep/whep-endpoint.ts";
import { DEFAULT_WHEP_OPTIONS, type WhepOptions } from "./downstream/whep/whep-options.ts";
import { connectParent, type ParentTrust } from "./upstream/connect-parent.ts";

export interface EdgeNodeOptions {
  readonly name: string;
  /** 1 for a relay below the origin, 2 for an edge: the same node in another place. */
  readonly tier: number;
  readonly host: string;
  /** TCP and UDP; 0 = any that is free for both. */
  readonly port: number;
  readonly tls: CertificateFiles | undefined;
  readonly allowAnonymous: boolean;
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** `https://host:port`, candidates in order. */
  readonly parents: readonly string[];
  readonly parentTrust: ParentTrust;
  /** Shown to the parents. */
  readonly parentToken: string | undefined;
  /** Default: adaptive flushing, packets that pass every path, CUBIC. */
  readonly quic?: QuicSettings;
  /** Beside QMux, WebSockets may carry sessions of `@fails-components/webtransport`. */
  readonly webTransportOverWebSocket?: boolean;
  readonly whep?: Partial<WhepOptions>;
  readonly hls?: Partial<HlsOptions>;
  readonly flv?: Partial<FlvOptions>;
}

export interface EdgeNodeDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Undefined on an open node. */
  readonly verifier: TokenVerifier | undefined;
  /** Undefined: no WebRTC viewers. */
  readonly webrtc?: WebRtcEngine | undefined;
}

/** A relay or an edge: takes broadcasts from a parent, and serves children and viewers. */
export class EdgeNode implements AsyncDisposable {
  readonly relay: RelayNode;
  readonly server: NodeServer;
  readonly #lifetime: Lifetime;

  private constructor(relay: RelayNode, server: NodeServer, lifetime: Lifetime) {
    this.relay = relay;
    this.server = server;
    this.#lifetime = lifetime;
  }

  /** Listens, and begins to dial the parents. Rejects with code `listen-failed` and leaves nothing open. */
  static async open(options: EdgeNodeOptions, deps: EdgeNodeDeps): Promise<EdgeNode> {
    const { logger, metrics, clock } = deps;
    const lifetime = new Lifetime({ logger });
    try {
      const loop = createQuicLoop(options.quic);
      const quic = { logger: logger.child("quic"), loop };
      const relay = lifetime.own("relay", createRelay(options, deps, quic));
      const whep = createWhep(options, deps, relay);
      if (whep !== undefined) lifetime.own("whep", whep);
      const packaging = createPackaging(options, deps, relay);
      for (const [name, endpoint] of Object.entries(packaging)) lifetime.own(name, endpoint);
      const server = await NodeServer.open(
        { ...options, protocols: MOQ_PROTOCOLS, portOption: "port" },
        {
          node: relay,
          logger,
          metrics,
          clock,
          verifier: deps.verifier,
          listenSessions: createSessionListener({ ...options, protocols: MOQ_PROTOCOLS }, quic),
          createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(options.host)),
          registerRoutes: async (app, admission, gate) => {
            await whep?.register(app, admission, gate);
            for (const endpoint of Object.values(packaging)) endpoint.register(app, admission, gate);
          },
        },
      );
      lifetime.own("server", server);
      relay.start();
      const { host, port } = server;
      logger.info({ host, port, webrtcPort: deps.webrtc?.port, tier: options.tier }, "the node listens");
      return new EdgeNode(relay, server, lifetime);
    } catch (error) {
      await lifetime.close();
      throw error;
    }
  }

  get port(): number {
    return this.server.port;
  }

  /** Closes sessions and ports. Idempotent. */
  async close(): Promise<void> {
    await this.#lifetime.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function createWhep(
  options: EdgeNodeOptions,
  deps: EdgeNodeDeps,
  relay: RelayNode,
): WhepEndpoint | undefined {
  const { webrtc, metrics, clock } = deps;
  if (webrtc === undefined) return undefined;
  const logger = deps.logger.child("whep");
  return new WhepEndpoint(
    { ...DEFAULT_WHEP_OPTIONS, ...options.whep },
    { relay, webrtc, logger, metrics, clock },
  );
}

/** Viewers arrive at edges; a relay has none. */
const EDGE_TIER = 2;

/** What goes out by HTTP alone. */
function createPackaging(
  options: EdgeNodeOptions,
  deps: EdgeNodeDeps,
  relay: RelayNode,
): Readonly<Record<string, HlsEndpoint | FlvEndpoint>> {
  if (options.tier < EDGE_TIER) return {};
  const { metrics, clock } = deps;
  const hlsDeps = { relay, metrics, clock, logger: deps.logger.child("hls") };
  const flvDeps = { relay, metrics, clock, logger: deps.logger.child("flv") };
  return {
    hls: new HlsEndpoint({ ...DEFAULT_HLS_OPTIONS, ...options.hls }, hlsDeps),
    flv: new FlvEndpoint({ ...DEFAULT_FLV_OPTIONS, ...options.flv }, flvDeps),
  };
}

function createRelay(
  options: EdgeNodeOptions,
  deps: EdgeNodeDeps,
  quic: { readonly logger: Logger; readonly loop: QuicLoop },
): RelayNode {
  const { parentTrust: trust } = options;
  return new RelayNode(
    { name: options.name, tier: options.tier, acceptPublishers: false },
    {
      logger: deps.logger,
      metrics: deps.metrics,
      clock: deps.clock,
      parents: new StaticParents(options.parents, options.parentToken),
      connect: (parent, signal) =>
        connectParent(
          parent.url,
          { trust, protocols: MOQ_PROTOCOLS, transport: quicTransport(options.quic) },
          { ...quic, signal },
        ),
    },
  );
}
