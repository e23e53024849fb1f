import type { RelayNode } from "@canopy/relay";
import type { NodeServer } from "@canopy/relay/node";
import type { ControlPlane, NodeRecord, NodeRole } from "@canopy/runtime";

/** What the others are told of this node, apart from its load. */
export interface NodePlace {
  readonly role: NodeRole;
  readonly name: string;
  readonly tier: number;
  readonly region: string;
  /** Undefined: the address that the node listens on, which the others must be able to reach. */
  readonly publicUrl: string | undefined;
  readonly publicHttpUrl: string | undefined;
  /** With files of its own: then authorities vouch for the node, and no hash is told. */
  readonly hasCertificate: boolean;
}

export interface RegisterNodeDeps {
  readonly controlPlane: ControlPlane;
  readonly server: Pick<NodeServer, "host" | "port" | "certificate" | "describe">;
  readonly relay: Pick<RelayNode, "originId" | "readiness">;
  readonly isDraining: () => boolean;
}

/** Lets the other nodes know of this one from now on. */
export async function registerNode(place: NodePlace, deps: RegisterNodeDeps): Promise<void> {
  const { server } = deps;
  const scheme = place.hasCertificate ? "https" : "http";
  const address = `${reachableHost(server.host)}:${server.port}`;
  await deps.controlPlane.register((): NodeRecord => {
    const { load, parents, startedAtMs } = server.describe();
    return {
      id: deps.relay.originId,
      name: place.name,
      role: place.role,
      tier: place.tier,
      region: place.region,
      url: place.publicUrl ?? `https://${address}`,
      httpUrl: place.publicHttpUrl ?? `${scheme}://${address}`,
      ...(place.hasCertificate ? {} : { parentSha256: server.certificate.current.sha256Hex }),
      draining: deps.isDraining(),
      ...(deps.relay.readiness().ready ? {} : { ready: false }),
      load: { ...load, utilization: Math.min(1, Math.max(0, load.utilization)) },
      parents: parents.flatMap(({ id, rttMs, subscriptions = 0 }) =>
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
