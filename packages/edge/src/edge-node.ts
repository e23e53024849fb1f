import { MOQ_PROTOCOLS } from "@canopy/protocol";
import { RelayNode, StaticParents } from "@canopy/relay";
import {
  type CertificateFiles,
  createQuicListener,
  createQuicLoop,
  developmentHosts,
  NodeServer,
  type QuicSettings,
  quicTransport,
} from "@canopy/relay/node";
import { type Clock, Lifetime, type Logger, type Metrics, type TokenVerifier } from "@canopy/runtime";
import { createDevelopmentCertificate, type QuicLoop } from "@canopy/transport/quic";
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
}

export interface EdgeNodeDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Undefined on an open node. */
  readonly verifier: TokenVerifier | undefined;
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
      const server = await NodeServer.open(
        { ...options, protocols: MOQ_PROTOCOLS, portOption: "port" },
        {
          node: relay,
          logger,
          metrics,
          clock,
          verifier: deps.verifier,
          listenSessions: createQuicListener({ ...options, protocols: MOQ_PROTOCOLS }, quic),
          createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(options.host)),
        },
      );
      lifetime.own("server", server);
      relay.start();
      logger.info({ host: server.host, port: server.port, tier: options.tier }, "the node listens");
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
