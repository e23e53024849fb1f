import { asList, asRecord, asText, fetchJson, fetchText } from "./fetch-json.ts";
import type { NetworkAddresses } from "./network-addresses.ts";
import { type NodeMetrics, parseNodeMetrics } from "./node-metrics.ts";

export type NodeRole = "origin" | "relay" | "edge";

export interface NodeState {
  readonly role: NodeRole;
  /** Such as "edge 2". */
  readonly title: string;
  readonly url: string;
  readonly up: boolean;
  readonly metrics: NodeMetrics | undefined;
  /** Bits per second since the last poll. */
  readonly sentBps: number | undefined;
  readonly receivedBps: number | undefined;
  /** Addresses (host:port) that it takes broadcasts from; empty if it does not say. */
  readonly parents: readonly string[];
}

interface Counters {
  readonly atMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

/** Polls every node's metrics and place in the tree, and turns its counters into rates. */
export class NodeStates {
  readonly #addresses: NetworkAddresses;
  readonly #counters = new Map<string, Counters>();

  constructor(addresses: NetworkAddresses) {
    this.#addresses = addresses;
  }

  async load(): Promise<readonly NodeState[]> {
    const { origin, relays, edges } = this.#addresses;
    return Promise.all([
      this.#loadNode("origin", "Origin", origin),
      ...relays.map((url, index) =>
        this.#loadNode("relay", relays.length > 1 ? `Relay ${index + 1}` : "Relay", url),
      ),
      ...edges.map((url, index) => this.#loadNode("edge", `Edge ${index + 1}`, url)),
    ]);
  }

  async #loadNode(role: NodeRole, title: string, url: string): Promise<NodeState> {
    const [metricsText, topology] = await Promise.allSettled([
      fetchText(`${url}/metrics`),
      fetchJson(`${url}/v1/topology`),
    ]);
    const parents = topology.status === "fulfilled" ? parseParents(topology.value) : [];
    if (metricsText.status === "rejected") {
      this.#counters.delete(url);
      const up = topology.status === "fulfilled";
      return {
        role,
        title,
        url,
        up,
        metrics: undefined,
        sentBps: undefined,
        receivedBps: undefined,
        parents,
      };
    }
    const metrics = parseNodeMetrics(metricsText.value);
    const now = {
      atMs: performance.now(),
      sentBytes: metrics.sentBytes,
      receivedBytes: metrics.receivedBytes,
    };
    const before = this.#counters.get(url);
    this.#counters.set(url, now);
    return {
      role,
      title,
      url,
      up: true,
      metrics,
      sentBps: before && rateBps(before.sentBytes, now.sentBytes, now.atMs - before.atMs),
      receivedBps: before && rateBps(before.receivedBytes, now.receivedBytes, now.atMs - before.atMs),
      parents,
    };
  }
}

function rateBps(before: number, after: number, elapsedMs: number): number | undefined {
  // A counter that went back is one of a restarted process.
  return elapsedMs <= 0 || after < before ? undefined : ((after - before) * 8000) / elapsedMs;
}

/** Finds the parents that a node's topology names, as host:port. */
export function parseParents(value: unknown): readonly string[] {
  const record = asRecord(value);
  const node = asRecord(record?.node) ?? record;
  const found = [record?.parent, node?.parent, ...asList(record?.parents), ...asList(node?.parents)];
  const hosts = found.map((entry) => {
    const parent = asRecord(entry);
    return hostOf(asText(entry) ?? asText(parent?.url) ?? asText(parent?.address) ?? asText(parent?.node));
  });
  return [...new Set(hosts.filter((host) => host !== undefined))];
}

/** "https://127.0.0.1:4441/x" and "127.0.0.1:4441" both name 127.0.0.1:4441. */
export function hostOf(address: string | undefined): string | undefined {
  const host = address?.replace(/^[a-z]+:\/\//, "").replace(/\/.*$/, "");
  return host === "" ? undefined : host;
}
