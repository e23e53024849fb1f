import { fetchJson, fetchText } from "./fetch-json.ts";
import { hostOf } from "./host-of.ts";
import type { NetworkAddresses } from "./network-addresses.ts";
import { frameAgeMs, type NodeMetrics, parseNodeMetrics } from "./node-metrics.ts";
import { type NodePlace, type NodeRole, parseTopology, type Topology } from "./topology.ts";

export interface NodeState {
  /** Its hop id, or its address as long as it has not told that. */
  readonly key: string;
  readonly role: NodeRole;
  readonly tier: number;
  /** Such as "edge-2". */
  readonly title: string;
  /** Base URL of its HTTP; "" if it is not known. */
  readonly url: string;
  readonly region: string | undefined;
  readonly up: boolean;
  readonly draining: boolean;
  readonly metrics: NodeMetrics | undefined;
  /** What the control plane says of a node whose metrics this page cannot read. */
  readonly load: NodePlace["load"];
  readonly rates: NodeRates | undefined;
  readonly place: NodePlace | undefined;
}

/** What a node did between two polls. */
export interface NodeRates {
  readonly sentBps: number;
  readonly receivedBps: number;
  readonly droppedPerSecond: number;
  readonly refusedPerSecond: number;
  /** Lost packets as a share of those sent; undefined if hardly any was sent. */
  readonly lossRatio: number | undefined;
  readonly frameAgeMs: number | undefined;
}

export interface NetworkState {
  readonly nodes: readonly NodeState[];
  /** The registry does not answer its nodes. */
  readonly stale: boolean;
}

const TIERS: Readonly<Record<NodeRole, number>> = { origin: 0, relay: 1, edge: 2 };
/** Below this, one packet more or less makes a ratio meaningless. */
const LOSS_MIN_PACKETS = 50;
/** More nodes than a browser should ask every few seconds; of the others the registry tells. */
const MAX_ASKED = 64;

interface Address {
  readonly role: NodeRole;
  readonly title: string;
  readonly url: string;
}

interface Snapshot {
  readonly atMs: number;
  readonly metrics: NodeMetrics;
}

/** Polls every node for its metrics and its place in the tree: those it was told of, and those that these know. */
export class NodeStates {
  readonly #configured: readonly Address[];
  readonly #snapshots = new Map<string, Snapshot>();
  /** Those that the control plane named at the last poll. */
  #discovered: readonly NodePlace[] = [];

  constructor({ origin, relays, edges }: NetworkAddresses) {
    const title = (name: string, index: number, count: number) => (count > 1 ? `${name}-${index + 1}` : name);
    this.#configured = [
      { role: "origin", title: "origin", url: origin },
      ...relays.map((url, index) => ({
        role: "relay" as const,
        title: title("relay", index, relays.length),
        url,
      })),
      ...edges.map((url, index) => ({
        role: "edge" as const,
        title: title("edge", index, edges.length),
        url,
      })),
    ];
  }

  async load(): Promise<NetworkState> {
    const answers = await Promise.all(this.#addresses().map((address) => this.#ask(address)));
    const told = answers.flatMap(({ topology }) => (topology?.cluster === undefined ? [] : [topology]));
    const cluster = (told.find(({ stale }) => !stale) ?? told[0])?.cluster ?? [];
    this.#discovered = cluster;
    const nodes = new Map<string, NodeState>();
    for (const { state } of answers) {
      const known = nodes.get(state.key);
      if (known === undefined || !known.up) nodes.set(state.key, state);
    }
    for (const place of cluster) {
      const known = [...nodes.values()].find((node) => isSame(node, place));
      if (known === undefined) nodes.set(String(place.id), unasked(place));
      // The cluster's own word of a node that this page cannot reach: it may be the page that is cut off.
      else if (!known.up) nodes.set(known.key, { ...unasked(place), key: known.key, url: known.url });
    }
    return {
      nodes: [...nodes.values()].sort(
        (a, b) =>
          a.tier - b.tier ||
          (a.region ?? "").localeCompare(b.region ?? "") ||
          a.title.localeCompare(b.title, undefined, { numeric: true }),
      ),
      stale: told.length > 0 && told.every(({ stale }) => stale),
    };
  }

  #addresses(): readonly Address[] {
    const urls = new Set(this.#configured.map(({ url }) => url));
    const found = this.#discovered.flatMap(({ httpUrl, role, name }) =>
      httpUrl === undefined || urls.has(httpUrl)
        ? []
        : [{ role: role ?? "edge", title: name ?? hostOf(httpUrl) ?? "", url: httpUrl }],
    );
    return [...this.#configured, ...found].slice(0, MAX_ASKED);
  }

  async #ask(
    address: Address,
  ): Promise<{ readonly state: NodeState; readonly topology: Topology | undefined }> {
    const { url } = address;
    const [text, answer] = await Promise.allSettled([
      fetchText(`${url}/metrics`),
      fetchJson(`${url}/v1/topology`),
    ]);
    const topology = answer.status === "fulfilled" ? parseTopology(answer.value) : undefined;
    const metrics = text.status === "fulfilled" ? parseNodeMetrics(text.value) : undefined;
    const place = topology?.self;
    const role = place?.role ?? address.role;
    return {
      topology,
      state: {
        key: String(place?.id ?? url),
        role,
        tier: place?.tier ?? TIERS[role],
        title: place?.name ?? address.title,
        url,
        region: place?.region,
        up: topology !== undefined || metrics !== undefined,
        draining: place?.draining === true,
        metrics,
        load: place?.load,
        rates: this.#rates(url, metrics),
        place,
      },
    };
  }

  #rates(url: string, metrics: NodeMetrics | undefined): NodeRates | undefined {
    const before = this.#snapshots.get(url);
    const now = metrics && { atMs: performance.now(), metrics };
    if (now === undefined) this.#snapshots.delete(url);
    else this.#snapshots.set(url, now);
    return before && now && ratesBetween(before, now);
  }
}

/** Undefined if the node was started anew in between: a counter went back. */
export function ratesBetween(before: Snapshot, now: Snapshot): NodeRates | undefined {
  const seconds = (now.atMs - before.atMs) / 1_000;
  const [old, next] = [before.metrics, now.metrics];
  if (seconds <= 0 || next.sentBytes < old.sentBytes || next.receivedBytes < old.receivedBytes)
    return undefined;
  const sentPackets = next.sentPackets - old.sentPackets;
  return {
    sentBps: ((next.sentBytes - old.sentBytes) * 8) / seconds,
    receivedBps: ((next.receivedBytes - old.receivedBytes) * 8) / seconds,
    droppedPerSecond: Math.max(0, next.droppedGroups - old.droppedGroups) / seconds,
    refusedPerSecond: Math.max(0, next.refusedForRoom - old.refusedForRoom) / seconds,
    lossRatio:
      sentPackets < LOSS_MIN_PACKETS ? undefined : (next.lostPackets - old.lostPackets) / sentPackets,
    frameAgeMs: frameAgeMs(old.frameAge, next.frameAge, 0.5),
  };
}

/** The nodes that feed a node, with the way there and back; those that are not known here are left out. */
export function parentsOf(
  node: NodeState,
  nodes: readonly NodeState[],
): readonly { readonly parent: NodeState; readonly rttMs: number | undefined }[] {
  return (node.place?.parents ?? []).flatMap(({ id, host, rttMs }) => {
    const parent = nodes.find(
      (candidate) =>
        candidate.key !== node.key &&
        ((id !== undefined && candidate.place?.id === id) ||
          (host !== undefined && [candidate.place?.host, hostOf(candidate.url)].includes(host))),
    );
    return parent === undefined ? [] : [{ parent, rttMs }];
  });
}

function isSame(node: NodeState, place: NodePlace): boolean {
  if (place.id !== undefined && node.place?.id === place.id) return true;
  return place.httpUrl !== undefined && node.url === place.httpUrl;
}

function unasked(place: NodePlace): NodeState {
  const role = place.role ?? "edge";
  return {
    key: String(place.id ?? place.httpUrl),
    role,
    tier: place.tier ?? TIERS[role],
    title: place.name ?? place.host ?? "node",
    url: place.httpUrl ?? "",
    region: place.region,
    up: true,
    draining: place.draining,
    metrics: undefined,
    load: place.load,
    rates: undefined,
    place,
  };
}
