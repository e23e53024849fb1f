import { seededRandom } from "../seeded-random.ts";
import { SimulatedAudience } from "./simulated-audience.ts";
import { SimulatedMedia } from "./simulated-media.ts";
import { SimulatedNetwork, type SimulatedNode } from "./simulated-network.ts";

export interface TreeSimulationOptions {
  readonly viewers: number;
  readonly edges: number;
  readonly relays: number;
  readonly regions: readonly string[];
  /** Each enters at one of the origins, of which every region has one. */
  readonly broadcasts: number;
  /** Per node. */
  readonly maxSessions: number;
  readonly seed: number;
}

export const DEFAULT_TREE_SIMULATION: TreeSimulationOptions = {
  viewers: 100_000,
  edges: 200,
  relays: 20,
  regions: ["america", "asia", "europe"],
  broadcasts: 12,
  maxSessions: 1_000,
  seed: 1,
};

/** What one event did. Times are simulated ms. */
export interface EventResult {
  readonly event: string;
  /** Longest time that any living edge waited for a frame of what its viewers watch. */
  readonly healMs: number;
  /** Changes of parents by nodes that are alive. */
  readonly switches: number;
  readonly sessionsLost: number;
  /** Of the viewers who had no picture for a while, because their edge was lost. */
  readonly darkP50Ms: number;
  readonly darkP95Ms: number;
  readonly darkMaxMs: number;
  /** Viewers without a picture at the end. */
  readonly stillDark: number;
}

export interface Placement {
  readonly playing: number;
  readonly refusals: number;
  readonly joinP50Ms: number;
  readonly joinP99Ms: number;
  readonly viewersMean: number;
  readonly viewersMax: number;
  /** The fullest edge compared with the mean of all. */
  readonly maxToMean: number;
  /** Nodes that take from one origin, at most. */
  readonly originFanOut: number;
  /** Tracks that one origin sends, at most, to one node each. */
  readonly originTracks: number;
  readonly relayFanOutMean: number;
  readonly relayFanOutMax: number;
  /** Tracks that relays take for one broadcast in one region: 1 is ideal. */
  readonly entriesPerRegion: number;
}

export interface TreeSimulationResult {
  readonly placement: Placement;
  readonly relayLost: EventResult;
  readonly edgesLost: EventResult;
  readonly registryAway: EventResult & { readonly joined: number; readonly rightAfterMs: number };
  readonly regionCutOff: EventResult & { readonly rightAfterMs: number };
  readonly regionLost: EventResult;
}

const CALM_FRAMES_MS = 1_000;
/** While something is measured frames come so often: it is exact to as much. */
const BUSY_FRAMES_MS = 200;
const JOIN_MS = 4_000;
/** Longer than the registry waits for a silent node. */
const OUTAGE_MS = 7_000;
const CUT_MS = 6_000;
const LONGEST_WAIT_MS = 30_000;
/** A publisher whose origin is gone notices, and reaches another one. */
const PUBLISHER_RETURNS_MS = 800;

/** A day in the life of a network, in less than a simulated minute: it forms, fills, and is hurt five times. */
export async function runTreeSimulation(options: TreeSimulationOptions): Promise<TreeSimulationResult> {
  const simulation = new TreeSimulation(options);
  try {
    return await simulation.run();
  } finally {
    await simulation.network.close();
  }
}

class TreeSimulation {
  readonly network: SimulatedNetwork;
  readonly #options: TreeSimulationOptions;
  readonly #random: () => number;
  readonly #media: SimulatedMedia;
  readonly #audience: SimulatedAudience;

  constructor(options: TreeSimulationOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    const [registryRegion = ""] = options.regions;
    this.network = new SimulatedNetwork({
      maxSessions: options.maxSessions,
      registryRegion,
      random: this.#random,
    });
    this.#media = new SimulatedMedia(
      this.network,
      { intervalMs: CALM_FRAMES_MS },
      { onFrame: (edge, stream) => this.#audience.onFrame(edge, stream) },
    );
    this.#audience = new SimulatedAudience(this.network, {
      random: this.#random,
      follow: (edge, stream) => this.#media.follow(edge, stream),
    });
  }

  async run(): Promise<TreeSimulationResult> {
    const { network } = this;
    const { regions } = this.#options;
    await this.#build();
    await this.#fill(this.#options.viewers, JOIN_MS);
    await network.advance(2_500);
    const placement = this.#describePlacement();

    const relayLost = await this.#observe("a relay is lost", BUSY_FRAMES_MS, 2_000, () => {
      network.kill(this.#busiest(1));
    });
    const edgesLost = await this.#observe("three edges are lost", CALM_FRAMES_MS, 3_000, () => {
      for (let count = 0; count < 3; count += 1) this.#killEdge(this.#busiest(2));
    });

    const before = this.#audience.totals.playing + this.#audience.dark;
    network.registry.available = false;
    const joining = Math.floor(this.#options.viewers / 50);
    const away = await this.#observe("the registry is away", CALM_FRAMES_MS, OUTAGE_MS / 2, async () => {
      await this.#fill(joining, OUTAGE_MS / 2);
      this.#killEdge(this.#busiest(2));
    });
    const joined = this.#audience.totals.playing + this.#audience.dark - before;
    network.registry.available = true;
    const rightAfterMs = await this.#until(() => this.#areViewsRight());
    const registryAway = { ...away, joined, rightAfterMs, stillDark: this.#audience.dark };

    const [, cutOff = "", lost = ""] = regions;
    network.cutOff(cutOff);
    const cut = await this.#observe("the way to a region is cut", CALM_FRAMES_MS, CUT_MS, () => {});
    network.join(cutOff);
    const joinedMs = network.clock.nowMs();
    const healMs = await this.#until(() => this.#media.hasComeEverywhereSince(joinedMs));
    const regionCutOff = {
      ...cut,
      healMs,
      rightAfterMs: healMs + (await this.#until(() => this.#areViewsRight())),
    };

    const regionLost = await this.#observe("a region is lost", BUSY_FRAMES_MS, 8_000, () => {
      for (const node of network.living.filter(({ region }) => region === lost)) {
        network.kill(node);
        if (node.tier === 2) this.#audience.onEdgeLost(node);
      }
      network.after(PUBLISHER_RETURNS_MS, () => this.#moveStreams());
    });
    return { placement, relayLost, edgesLost, registryAway, regionCutOff, regionLost };
  }

  async #build(): Promise<void> {
    const { edges, relays, regions, broadcasts } = this.#options;
    const { network } = this;
    const regionOf = (index: number): string => regions[index % regions.length] ?? "";
    const origins = regions.map((region) => network.add(0, region));
    for (let index = 0; index < relays; index += 1) network.add(1, regionOf(index));
    for (let index = 0; index < edges; index += 1) network.add(2, regionOf(index));
    await network.advance(500);
    for (let index = 0; index < broadcasts; index += 1) {
      const origin = origins[index % origins.length];
      if (origin !== undefined) this.#media.add(`live/${index}`, origin);
    }
    await network.advance(2_500);
  }

  /** Viewers arrive, evenly over the time; a broadcast has half as many as the one before it, at first. */
  async #fill(viewers: number, overMs: number): Promise<void> {
    const { regions, broadcasts } = this.#options;
    const weights = Array.from({ length: broadcasts }, (_, index) => 1 / (index + 1));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    for (let index = 0; index < viewers; index += 1) {
      const region = regions[index % regions.length] ?? "";
      let lot = this.#random() * sum;
      let stream = 0;
      while (stream < broadcasts - 1 && lot > (weights[stream] ?? 0)) {
        lot -= weights[stream] ?? 0;
        stream += 1;
      }
      this.network.after(this.#random() * overMs, () => this.#audience.join(region, stream));
    }
    await this.network.advance(overMs);
  }

  /** Does something and looks for a while at what it does; frames come as often as said meanwhile. */
  async #observe(
    event: string,
    framesMs: number,
    forMs: number,
    act: () => void | Promise<void>,
  ): Promise<EventResult> {
    const { network } = this;
    if (this.#media.intervalMs !== framesMs) {
      this.#media.intervalMs = framesMs;
      await network.advance(CALM_FRAMES_MS + framesMs);
    }
    const { sessionsLost } = this.#audience.totals;
    const switches = new Map(network.living.map((node) => [node, switchesOf(node)]));
    this.#audience.darkMs.length = 0;
    this.#media.mark();
    await act();
    await network.advance(forMs);
    this.#media.intervalMs = CALM_FRAMES_MS;
    const dark = this.#audience.darkMs.toSorted((a, b) => a - b);
    return {
      event,
      healMs: Math.round(this.#media.worstGapMs()),
      switches: network.living.reduce((sum, node) => sum + switchesOf(node) - (switches.get(node) ?? 0), 0),
      sessionsLost: this.#audience.totals.sessionsLost - sessionsLost,
      darkP50Ms: percentile(dark, 0.5),
      darkP95Ms: percentile(dark, 0.95),
      darkMaxMs: percentile(dark, 1),
      stillDark: this.#audience.dark,
    };
  }

  /** The living node of a tier that most depends on. */
  #busiest(tier: number): SimulatedNode {
    const nodes = this.network.living.filter((node) => node.tier === tier);
    const load = (node: SimulatedNode): number =>
      tier === 2 ? node.gate.size : node.relay.downstreamCounters.subscriptions;
    return nodes.reduce((best, node) => (load(node) > load(best) ? node : best));
  }

  #killEdge(edge: SimulatedNode): void {
    this.network.kill(edge);
    this.#audience.onEdgeLost(edge);
  }

  /** Publishers whose origin is gone go on at one that is there. */
  #moveStreams(): void {
    const origins = this.network.living.filter(({ tier }) => tier === 0);
    for (const [index, stream] of this.#media.streams.entries()) {
      const origin = origins[index % origins.length];
      if (stream.origin?.alive !== true && origin !== undefined) this.#media.publish(stream, origin);
    }
  }

  /** How long it takes, ms. */
  async #until(isSo: () => boolean): Promise<number> {
    const { network } = this;
    const startMs = network.clock.nowMs();
    while (!isSo()) {
      if (network.clock.nowMs() - startMs > LONGEST_WAIT_MS) return Number.POSITIVE_INFINITY;
      await network.advance(100);
    }
    return Math.round(network.clock.nowMs() - startMs);
  }

  /** Every node sees exactly those that are alive, and every broadcast at its origin. */
  #areViewsRight(): boolean {
    const living = this.network.living;
    return living.every(({ plane }) => {
      const { nodes, broadcasts, stale } = plane.view();
      return (
        !stale &&
        nodes.size === living.length &&
        living.every(({ id }) => nodes.has(id)) &&
        this.#media.streams.every(({ path, origin }) => broadcasts.get(path)?.nodeId === origin?.id)
      );
    });
  }

  #describePlacement(): Placement {
    const { network } = this;
    const joins = this.#audience.darkMs.toSorted((a, b) => a - b);
    const ofTier = (tier: number): SimulatedNode[] => network.living.filter((node) => node.tier === tier);
    const viewers = ofTier(2).map(({ gate }) => gate.size);
    const fanOut = ofTier(1).map(({ gate }) => gate.size);
    const entries = ofTier(1).reduce((sum, { relay }) => sum + relay.upstreamCounters.subscriptions, 0);
    const mean = average(viewers);
    return {
      playing: this.#audience.totals.playing,
      refusals: this.#audience.totals.refusals,
      joinP50Ms: percentile(joins, 0.5),
      joinP99Ms: percentile(joins, 0.99),
      viewersMean: mean,
      viewersMax: Math.max(...viewers),
      maxToMean: Math.max(...viewers) / mean,
      originFanOut: Math.max(...ofTier(0).map(({ gate }) => gate.size)),
      originTracks: Math.max(...ofTier(0).map(({ relay }) => relay.downstreamCounters.subscriptions)),
      relayFanOutMean: average(fanOut),
      relayFanOutMax: Math.max(...fanOut),
      entriesPerRegion: entries / (this.#options.broadcasts * this.#options.regions.length),
    };
  }
}

function switchesOf({ relay }: SimulatedNode): number {
  const { closed, silent, goaway } = relay.upstreamCounters.parentSwitches;
  return closed + silent + goaway;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Of sorted values. */
function percentile(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
}
