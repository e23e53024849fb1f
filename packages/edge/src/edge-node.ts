import { randomInt } from "node:crypto";
import { MOQ_PROTOCOLS } from "@canopy/protocol";
import {
  type DownstreamOptions,
  EdgeLocator,
  LocalFirstParents,
  type Parent,
  type ParentToken,
  RegistryChooser,
  RegistryParents,
  RelayNode,
  type RelayNodeDeps,
  StaticParents,
} from "@canopy/relay";
import {
  type ApiDescription,
  type CertificateFiles,
  createQuicLoop,
  createSessionListener,
  developmentHosts,
  type NodeAccessOptions,
  type NodeDrain,
  type NodeIdentity,
  NodeServer,
  type QuicEngine,
  type QuicSettings,
  quicTransport,
} from "@canopy/relay/node";
import {
  type Clock,
  type ControlPlane,
  delay,
  Lifetime,
  type Logger,
  type Metrics,
  type TokenVerifier,
} from "@canopy/runtime";
import { createDevelopmentCertificate, type QuicLoop } from "@canopy/transport/quic";
import type { WebRtcEngine } from "@canopy/transport/webrtc";
import { FlvEndpoint } from "./downstream/flv/flv-endpoint.ts";
import { DEFAULT_FLV_OPTIONS, type FlvOptions } from "./downstream/flv/flv-options.ts";
import { HlsEndpoint } from "./downstream/hls/hls-endpoint.ts";
import { DEFAULT_HLS_OPTIONS, type HlsOptions } from "./downstream/hls/hls-options.ts";
import { WhepEndpoint } from "./downstream/whep/whep-endpoint.ts";
import { DEFAULT_WHEP_OPTIONS, type WhepOptions } from "./downstream/whep/whep-options.ts";
import { connectParent, type ParentTrust } from "./upstream/connect-parent.ts";

/**
 * The last packets are sent with the loop's next flush, which is up to 60 ms away. A process that ended before would
 * leave sessions that its parents keep, and wait for when they drain, until they time out.
 */
const GOODBYE_MS = 100;

export interface EdgeNodeOptions extends NodeAccessOptions {
  readonly name: string;
  /** Shown in the API description. */
  readonly version?: string;
  readonly identity?: Partial<NodeIdentity>;
  /** 1 for a relay below the origin, 2 for an edge: the same node in another place. */
  readonly tier: number;
  readonly host: string;
  /** TCP and UDP; 0 = any that is free for both. */
  readonly port: number;
  readonly tls: CertificateFiles | undefined;
  readonly maxSessions: number;
  readonly maxSessionsPerAddress: number;
  /** Hop id; default: random. */
  readonly originId?: number;
  /** Where the node stands, for the choice of parents and edges. Default "". */
  readonly region?: string;
  /** `https://host:port`, candidates in order; empty: those that the control plane knows. */
  readonly parents: readonly string[];
  readonly parentTrust: ParentTrust;
  /** Port of a node in another process of this machine, with the same host and certificate: stands before `parents`. */
  readonly localParentPort?: number | undefined;
  /** Shown to the parents. */
  readonly parentToken: ParentToken | undefined;
  /** Default: adaptive flushing, packets that pass every path, CUBIC. */
  readonly quic?: QuicSettings;
  /** Towards viewers; default: the built-in one. Any other has no children, which speak raw QUIC. */
  readonly quicEngine?: QuicEngine;
  /** Beside QMux, WebSockets may carry sessions of `@fails-components/webtransport`. */
  readonly webTransportOverWebSocket?: boolean;
  readonly whep?: Partial<WhepOptions>;
  readonly hls?: Partial<HlsOptions>;
  readonly flv?: Partial<FlvOptions>;
  /** Bounds and times of serving one session. */
  readonly downstream?: Partial<DownstreamOptions>;
}

export interface EdgeNodeDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Undefined on an open node. */
  readonly verifier: TokenVerifier | undefined;
  /** Undefined: no WebRTC viewers. */
  readonly webrtc?: WebRtcEngine | undefined;
  /** Undefined: nothing is known of other nodes. Belongs to the caller, who closes it after the node. */
  readonly controlPlane?: ControlPlane | undefined;
  /** Undefined: the node cannot be drained over HTTP. */
  readonly drain?: NodeDrain | undefined;
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
      // Closed last, after the relay has said good-bye to its parents.
      lifetime.add("good-bye", () => delay(GOODBYE_MS));
      const quic = { logger: logger.child("quic"), loop };
      const own: { server: NodeServer | undefined } = { server: undefined };
      const relay = lifetime.own(
        "relay",
        createRelay(options, deps, { ...quic, ownSha256: () => own.server?.certificate.current.sha256Hex }),
      );
      const whep = createWhep(options, deps, relay);
      if (whep !== undefined) lifetime.own("whep", whep);
      const packaging = createPackaging(options, deps, relay);
      for (const [name, endpoint] of Object.entries(packaging)) lifetime.own(name, endpoint);
      const server = await NodeServer.open(
        {
          ...options,
          protocols: MOQ_PROTOCOLS,
          portOption: "port",
          api: describeNode(options),
          identity: { region: options.region ?? "", ...options.identity },
        },
        {
          node: relay,
          logger,
          metrics,
          clock,
          verifier: deps.verifier,
          drain: deps.drain,
          listenSessions: createSessionListener({ ...options, protocols: MOQ_PROTOCOLS }, quic),
          createDevelopmentCertificate: () => createDevelopmentCertificate(developmentHosts(options.host)),
          locator: createLocator(options, deps),
          controlPlane: deps.controlPlane,
          registerRoutes: async (app, admission, gate) => {
            await whep?.register(app, admission, gate);
            for (const endpoint of Object.values(packaging)) endpoint.register(app, admission, gate);
          },
        },
      );
      own.server = lifetime.own("server", server);
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

function describeNode({ tier, version = "0.0.0" }: EdgeNodeOptions): ApiDescription {
  if (tier < EDGE_TIER) {
    return { title: "Canopy relay", version, description: "A node between an origin and its edges." };
  }
  const description =
    "Where viewers arrive: WHEP, LL-HLS, HTTP-FLV; MoQ sessions are opened on the same port.";
  return { title: "Canopy edge", version, description };
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

function createLocator(options: EdgeNodeOptions, deps: EdgeNodeDeps): EdgeLocator | undefined {
  const { controlPlane, clock } = deps;
  if (controlPlane === undefined) return undefined;
  const nodes = () => controlPlane.view().nodes;
  return new EdgeLocator({ region: options.region ?? "" }, { nodes, clock, random: Math.random });
}

/** Those of the configuration one after the other; without any, several that are known to be alive at once. */
function createParents(
  options: EdgeNodeOptions,
  deps: EdgeNodeDeps,
  originId: number,
  local: string | undefined,
): Pick<RelayNodeDeps, "parents" | "directory"> {
  const { tier, region = "", parentToken: token } = options;
  const { controlPlane } = deps;
  const listed = new StaticParents(options.parents, token);
  const here = local === undefined ? undefined : { url: local, ...(token !== undefined && { token }) };
  if (options.parents.length > 0 || controlPlane === undefined) {
    return { parents: here === undefined ? listed : new LocalFirstParents(here, listed) };
  }
  const self = { id: originId, tier, region, url: "" };
  const nodes = () => controlPlane.view().nodes.values();
  const directory = new RegistryParents({ self, token }, { nodes });
  if (here === undefined) return { directory };
  return { parents: new LocalFirstParents(here, new RegistryChooser(directory)) };
}

/** How this process reaches one that listens on the same host. */
function localParentUrl({ host, localParentPort }: EdgeNodeOptions): string | undefined {
  if (localParentPort === undefined) return undefined;
  const address = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `https://${address.includes(":") ? `[${address}]` : address}:${localParentPort}`;
}

function createRelay(
  options: EdgeNodeOptions,
  deps: EdgeNodeDeps,
  quic: {
    readonly logger: Logger;
    readonly loop: QuicLoop;
    readonly ownSha256: () => string | undefined;
  },
): RelayNode {
  const originId = options.originId ?? randomInt(1, 2 ** 48 - 1);
  const local = localParentUrl(options);
  const trustOf = ({ url, sha256 }: Parent): ParentTrust => {
    if (url !== local) return knownTrust(sha256, options.parentTrust);
    // With files both have the same certificate; without, the other one's was made when it started.
    const own = options.tls === undefined ? undefined : quic.ownSha256();
    return { ca: undefined, sha256: own === undefined ? [] : [own], isHere: true };
  };
  return new RelayNode(
    {
      originId,
      name: options.name,
      tier: options.tier,
      acceptPublishers: false,
      ...(options.downstream !== undefined && { downstream: options.downstream }),
    },
    {
      logger: deps.logger,
      metrics: deps.metrics,
      clock: deps.clock,
      ...createParents(options, deps, originId, local),
      connect: (parent, signal) =>
        connectParent(
          parent.url,
          { trust: trustOf(parent), protocols: MOQ_PROTOCOLS, transport: quicTransport(options.quic) },
          { ...quic, signal },
        ),
    },
  );
}

/** What the configuration says, else the hash of a development certificate that the registry tells. */
function knownTrust(sha256: string | undefined, trust: ParentTrust): ParentTrust {
  if (sha256 === undefined || trust.ca !== undefined || trust.sha256.length > 0) return trust;
  return { ca: undefined, sha256: [sha256] };
}
