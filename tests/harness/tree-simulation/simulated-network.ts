import { EdgeLocator, RegistryParents, RelayNode } from "@canopy/relay";
import { type Admission, createAdmission, SessionGate } from "@canopy/relay/node";
import {
  type ControlPlane,
  createMemoryControlPlane,
  createMetrics,
  createSilentLogger,
  MemoryRegistry,
  type NodeRecord,
  type NodeRole,
  type Scheduler,
} from "@canopy/runtime";
import { createMemoryPair, MemoryClock, type MemoryPair } from "@canopy/transport/memory";

/** One way within a region, and between two. */
const NEAR_MS = 1;
const FAR_MS = 40;
/** A first packet without an answer is sent again after this, then after twice as long (RFC 9002 section 6.2.2). */
const PROBE_TIMEOUT_MS = 1_000;
/** Moments at which promises are waited for are so far apart. */
const STEP_MS = 5;

const ROLES: readonly NodeRole[] = ["origin", "relay", "edge"];

export interface SimulatedNode {
  readonly id: number;
  readonly tier: number;
  readonly region: string;
  readonly relay: RelayNode;
  readonly plane: ControlPlane;
  readonly gate: SessionGate;
  readonly locator: EdgeLocator;
  readonly admission: Admission;
  alive: boolean;
}

interface Link {
  readonly pair: MemoryPair;
  readonly from: SimulatedNode;
  readonly to: SimulatedNode;
}

export interface NetworkOptions {
  readonly maxSessions: number;
  /** Where the registry stands. */
  readonly registryRegion: string;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Many nodes in one process, on one clock: each with its own relay node, control plane, gate and locator, as they are
 * in a real process. Simulated are the links between them (bytes that arrive later, or never) and the machines' loads.
 */
export class SimulatedNetwork {
  readonly clock = new MemoryClock();
  readonly registry: MemoryRegistry;
  readonly nodes: SimulatedNode[] = [];
  readonly #options: NetworkOptions;
  readonly #scheduler: Scheduler;
  readonly #metrics = createMetrics({ processMetrics: false });
  readonly #logger = createSilentLogger();
  readonly #byUrl = new Map<string, SimulatedNode>();
  /** Regions whose way to the others, and to the registry, is cut. */
  readonly #cutOff = new Set<string>();
  #links: Link[] = [];

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { clock } = this;
    this.#scheduler = { nowMs: () => clock.nowMs(), after: (delayMs, run) => clock.schedule(delayMs, run) };
    this.registry = new MemoryRegistry({}, { scheduler: this.#scheduler });
  }

  get living(): SimulatedNode[] {
    return this.nodes.filter(({ alive }) => alive);
  }

  after(delayMs: number, run: () => void): void {
    this.clock.schedule(delayMs, run);
  }

  /** Adds a node that registers itself and finds its parents in the registry. */
  add(tier: number, region: string): SimulatedNode {
    const { clock } = this;
    const { random, maxSessions } = this.#options;
    const id = this.nodes.length + 1;
    const url = `https://node-${id}:4443`;
    const plane = createMemoryControlPlane(
      {},
      {
        registry: this.registry,
        reachable: () => node.alive && !this.#isApart(region, this.#options.registryRegion),
        scheduler: this.#scheduler,
        clock,
        random,
      },
    );
    const nodes = () => plane.view().nodes.values();
    const admission = createAdmission({ allowAnonymous: true }, { clock, verifier: undefined });
    const gate = new SessionGate(
      { protocols: ["moq-lite-05"], maxSessions, maxSessionsPerAddress: maxSessions },
      { admission, clock, logger: this.#logger, metrics: this.#metrics },
    );
    const self = { id, tier, region, url };
    const node: SimulatedNode = {
      ...self,
      plane,
      gate,
      admission,
      locator: new EdgeLocator({ region }, { nodes: () => plane.view().nodes, clock, random }),
      alive: true,
      relay: new RelayNode(
        { originId: id, tier },
        {
          clock,
          random,
          schedule: (flush) => clock.schedule(0, flush),
          startTimer: (intervalMs, tick) => this.#every(intervalMs, tick),
          ...(tier > 0 && {
            directory: new RegistryParents({ self }, { nodes }),
            connect: (parent, signal) => this.#connect(node, parent.url, signal),
          }),
        },
      ),
    };
    this.nodes.push(node);
    this.#byUrl.set(url, node);
    void plane.register(() => this.#describe(node, url));
    node.relay.start();
    return node;
  }

  #describe(node: SimulatedNode, url: string): NodeRecord {
    const { maxSessions } = this.#options;
    const sessions = node.gate.size;
    return {
      id: node.id,
      name: `node-${node.id}`,
      role: ROLES[Math.min(node.tier, 2)] ?? "edge",
      tier: node.tier,
      region: node.region,
      url,
      httpUrl: url,
      draining: false,
      load: {
        sessions,
        maxSessions,
        utilization: (0.8 * sessions) / maxSessions,
        sentBytesPerSecond: sessions * 187_500,
      },
      startedAtMs: 0,
    };
  }

  /** The machine is gone: nothing that it had on the way arrives, and nobody is told. */
  kill(node: SimulatedNode): void {
    node.alive = false;
    this.#cut(({ from, to }) => from === node || to === node);
    void node.relay.close();
    node.gate.close();
    // Whatever it would say does not get out.
    void node.plane.close();
  }

  /** Nothing passes between the region and the others, or to the registry, until `join`. */
  cutOff(region: string): void {
    this.#cutOff.add(region);
    this.#cut(({ from, to }) => this.#isApart(from.region, to.region));
  }

  join(region: string): void {
    this.#cutOff.delete(region);
  }

  reaches(from: string, node: SimulatedNode): boolean {
    return node.alive && !this.#isApart(from, node.region);
  }

  /** Lets time pass, and promises settle on the way. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await new Promise(setImmediate);
      this.clock.advance(Math.min(STEP_MS, ms - passed));
    }
    await new Promise(setImmediate);
  }

  async close(): Promise<void> {
    for (const node of this.living) {
      void node.plane.close();
      node.gate.close();
      await node.relay.close();
    }
    await this.advance(50);
  }

  /** A machine that is gone, or behind a cut, does not refuse: nothing comes back, and the dialler knocks again. */
  #connect(from: SimulatedNode, url: string, signal: AbortSignal): Promise<MemoryPair["client"]> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const knock = (nextMs: number): void => {
        const to = this.#byUrl.get(url);
        if (signal.aborted || !from.alive || to === undefined) return;
        if (this.reaches(from.region, to)) this.#open(from, to).then(resolve, reject);
        else this.clock.schedule(nextMs, () => knock(2 * nextMs));
      };
      knock(PROBE_TIMEOUT_MS);
    });
  }

  async #open(from: SimulatedNode, to: SimulatedNode): Promise<MemoryPair["client"]> {
    const delayMs = from.region === to.region ? NEAR_MS : FAR_MS;
    const pair = createMemoryPair({ clock: this.clock, delayMs });
    const address = `10.0.${from.id >> 8}.${from.id & 255}:4443`;
    if (to.gate.checkRoom(address) !== undefined) throw new Error("the parent has no room");
    this.#links = this.#links.filter((link) => !link.pair.client.closed);
    this.#links.push({ pair, from, to });
    to.relay.acceptSession(pair.server, to.gate.admit(pair.server));
    return pair.client;
  }

  #cut(isCut: (link: Link) => boolean): void {
    for (const link of this.#links) if (isCut(link)) link.pair.cut();
    this.#links = this.#links.filter((link) => !isCut(link));
  }

  #isApart(a: string, b: string): boolean {
    return a !== b && (this.#cutOff.has(a) || this.#cutOff.has(b));
  }

  /** The nodes' timers are out of step, as those of processes are. */
  #every(intervalMs: number, tick: () => void): () => void {
    let stop = this.clock.schedule(intervalMs * this.#options.random(), () => run());
    const run = (): void => {
      stop = this.clock.schedule(intervalMs, run);
      tick();
    };
    return () => stop();
  }
}
