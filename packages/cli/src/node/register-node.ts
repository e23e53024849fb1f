import type { RelayNode } from "@canopy/relay";
import type { NodeServer } from "@canopy/relay/node";
import type { Clock, ControlPlane, Metrics, NodeRecord, NodeRole } from "@canopy/runtime";

/** What the others are told of this node, apart from its load. */
export interface NodePlace {
  readonly role: NodeRole;
  readonly name: string;
  readonly tier: number;
  readonly region: string;
  /** Undefined: the address that the node listens on, which the others must be able to reach. */
  readonly publicUrl: string | undefined;
  readonly publicHttpUrl: string | undefined;
  readonly maxSessions: number;
  /** With files of its own: then authorities vouch for the node, and no hash is told. */
  readonly hasCertificate: boolean;
}

export interface RegisterNodeDeps {
  readonly controlPlane: ControlPlane;
  readonly server: Pick<NodeServer, "host" | "port" | "gate" | "eventLoop" | "certificate" | "describe">;
  readonly relay: Pick<RelayNode, "originId" | "readiness">;
  readonly metrics: Pick<Metrics, "value">;
  readonly clock: Clock;
  readonly isDraining: () => boolean;
}

const SENDING_TRANSPORTS = ["quic", "webtransport", "websocket", "whep", "hls", "flv"] as const;

/** Lets the other nodes know of this one from now on. */
export async function registerNode(place: NodePlace, deps: RegisterNodeDeps): Promise<void> {
  const { server, clock } = deps;
  const startedAtMs = Math.floor(clock.nowMs());
  const scheme = place.hasCertificate ? "https" : "http";
  const address = `${reachableHost(server.host)}:${server.port}`;
  const rate = new SendRate(deps);
  await deps.controlPlane.register((): NodeRecord => {
    const { certificate, gate, eventLoop } = server;
    return {
      id: deps.relay.originId,
      name: place.name,
      role: place.role,
      tier: place.tier,
      region: place.region,
      url: place.publicUrl ?? `https://${address}`,
      httpUrl: place.publicHttpUrl ?? `${scheme}://${address}`,
      ...(place.hasCertificate ? {} : { parentSha256: certificate.current.sha256Hex }),
      draining: deps.isDraining(),
      ...(deps.relay.readiness().ready ? {} : { ready: false }),
      load: {
        sessions: gate.size,
        maxSessions: place.maxSessions,
        utilization: Math.min(1, Math.max(0, eventLoop.utilization)),
        sentBytesPerSecond: rate.read(),
      },
      parents: server
        .describe()
        .parents.flatMap(({ id, rttMs, subscriptions = 0 }) =>
          id === undefined ? [] : [{ id, rttMs, subscriptions }],
        ),
      startedAtMs,
    };
  });
}

/** Nobody can dial "any address": on one machine, which is where this matters, loopback does. */
function reachableHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Bytes per second between two looks. */
class SendRate {
  readonly #deps: Pick<RegisterNodeDeps, "metrics" | "clock">;
  #bytes = 0;
  #atMs = 0;
  #rate = 0;

  constructor(deps: Pick<RegisterNodeDeps, "metrics" | "clock">) {
    this.#deps = deps;
  }

  read(): number {
    const { metrics, clock } = this.#deps;
    let bytes = 0;
    for (const transport of SENDING_TRANSPORTS) bytes += metrics.value("canopy_sent_bytes_total", transport);
    const nowMs = clock.nowMs();
    const passedMs = nowMs - this.#atMs;
    // Two looks at one time tell nothing; a counter that fell belongs to another life of the process.
    if (this.#atMs > 0 && passedMs >= 100 && bytes >= this.#bytes) {
      this.#rate = Math.round(((bytes - this.#bytes) * 1_000) / passedMs);
    }
    if (this.#atMs === 0 || passedMs >= 100) {
      this.#bytes = bytes;
      this.#atMs = nowMs;
    }
    return this.#rate;
  }
}
