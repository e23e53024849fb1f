import {
  ERROR_CODES,
  type ErrorCode,
  type IncomingGroup,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionListener,
  type TrackInfo,
} from "@canopy/protocol";
import { createSilentLogger, type SessionScope } from "@canopy/runtime";
import {
  createMemoryPair,
  MemoryClock,
  type MemoryPair,
  type MemoryPairOptions,
} from "@canopy/transport/memory";
import { expect } from "vitest";
import { DownstreamCounters } from "./downstream/downstream-counters.ts";
import { DEFAULT_DOWNSTREAM_OPTIONS } from "./downstream/downstream-options.ts";
import { DownstreamSession } from "./downstream/downstream-session.ts";
import { createMoqSession } from "./peer/create-moq-session.ts";
import { PeerSession } from "./peer/peer-session.ts";
import { RelayNode, type RelayNodeDeps, type RelayNodeOptions } from "./relay-node.ts";
import { Store } from "./store/store.ts";
import type { Track } from "./store/track.ts";
import { StaticParents } from "./tree/choose-parent.ts";
import { type RegisteredNode, RegistryParents } from "./tree/registry-parents.ts";

/** May do everything. */
export const OPEN_SCOPE: SessionScope = { root: "", put: [""], get: [""] };
export const VIDEO_INFO: TrackInfo = {
  priority: 60,
  ordered: false,
  maxLatencyMs: 5_000,
  timescale: 1_000_000,
};

interface Connection {
  readonly pair: MemoryPair;
  readonly from: string;
  readonly to: string;
}

/** A tree of nodes, publishers and viewers in one process, on a virtual clock. For tests. */
export class MemoryTree {
  readonly clock = new MemoryClock();
  readonly nodes = new Map<string, RelayNode>();
  readonly connections: Connection[] = [];
  /** What nodes that form the tree by themselves know of each other. */
  readonly registry = new Map<number, RegisteredNode>();
  private nextOriginId = 1;

  /** Names of parents are names of nodes; a node that does not exist refuses. */
  addNode(
    name: string,
    parents: readonly string[] = [],
    options: RelayNodeOptions = {},
    deps: Partial<RelayNodeDeps> = {},
  ): RelayNode {
    const { clock } = this;
    const originId = this.nextOriginId;
    this.nextOriginId += 1;
    const node = new RelayNode(
      { originId, name, ...options },
      {
        clock,
        createMoq: createMoqSession,
        schedule: (flush) => clock.schedule(0, flush),
        startTimer: (intervalMs, tick) => this.every(intervalMs, tick),
        random: () => 0.5,
        ...(parents.length === 0
          ? {}
          : {
              parents: new StaticParents(parents.map((parent) => `https://${parent}/`)),
              connect: async (parent) => this.connect(name, new URL(parent.url).hostname),
            }),
        ...deps,
      },
    );
    this.nodes.set(name, node);
    node.start();
    return node;
  }

  /** A node that finds its parents in `registry`, and stands there itself. */
  addRegistered(
    name: string,
    place: { readonly tier: number; readonly region?: string },
    deps: Partial<RelayNodeDeps> = {},
  ): RelayNode {
    const id = this.nextOriginId;
    const record: RegisteredNode = {
      id,
      tier: place.tier,
      region: place.region ?? "",
      url: `https://${name}/`,
      draining: false,
      load: { sessions: 0, maxSessions: 2_000, utilization: 0 },
      startedAtMs: this.clock.nowMs(),
    };
    this.registry.set(id, record);
    if (place.tier === 0) return this.addNode(name, [], { tier: 0 }, deps);
    const directory = new RegistryParents({ self: record }, { nodes: () => this.registry.values() });
    const connect: NonNullable<RelayNodeDeps["connect"]> = async (parent) =>
      this.connect(name, new URL(parent.url).hostname);
    return this.addNode(name, [], { tier: place.tier }, { directory, connect, ...deps });
  }

  /** As the registry does when a node is silent for long, or has left. */
  forget(name: string): void {
    for (const [id, { url }] of this.registry) if (url === `https://${name}/`) this.registry.delete(id);
  }

  /** Opens a connection to a node and returns the client's end. */
  connect(from: string, to: string, options: MemoryPairOptions = {}, scope: SessionScope = OPEN_SCOPE) {
    const node = this.nodes.get(to);
    if (node === undefined) throw new Error(`${to} cannot be reached`);
    const pair = createMemoryPair({ clock: this.clock, delayMs: 2, ...options });
    this.connections.push({ pair, from, to });
    node.acceptSession(pair.server, scope);
    return pair.client;
  }

  /** The process dies: nothing that it had on the way arrives, and nobody is told. */
  kill(name: string): void {
    const node = this.nodes.get(name);
    this.nodes.delete(name);
    for (const { pair, from, to } of this.connections) if (from === name || to === name) pair.cut();
    void node?.close();
  }

  /** Moves the clock, letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 10) {
      await new Promise(setImmediate);
      this.clock.advance(Math.min(10, ms - passed));
    }
    await new Promise(setImmediate);
  }

  private every(intervalMs: number, tick: () => void): () => void {
    let stop = this.clock.schedule(intervalMs, run.bind(this));
    function run(this: MemoryTree): void {
      stop = this.clock.schedule(intervalMs, run.bind(this));
      tick();
    }
    return () => stop();
  }

  addViewer(to: string, options: MemoryPairOptions = {}, scope?: SessionScope): Viewer {
    return new Viewer(this.connect("viewer", to, options, scope), this.clock);
  }

  addPublisher(to: string): Publisher {
    const publisher = new Publisher(this, to);
    return publisher;
  }

  async close(): Promise<void> {
    for (const node of this.nodes.values()) await node.close();
    await this.advance(50);
  }

  /** Closes the tree; no node may hold anything afterwards. */
  async closeEmpty(): Promise<void> {
    const nodes = [...this.nodes.values()];
    await this.close();
    for (const node of nodes) {
      expect(node.openCount).toBe(0);
      expect(node.downstreamCounters.subscriptions).toBe(0);
      expect(node.downstreamCounters.announceRequests).toBe(0);
      expect(node.upstreamCounters.subscriptions).toBe(0);
      expect(node.store.cacheBytes).toBe(0);
      expect(node.store.watcherCount).toBe(0);
    }
  }
}

/** What a viewer got of one group. */
export interface SeenGroup {
  readonly sequence: number;
  readonly timestamps: number[];
  state: "open" | "complete" | "aborted";
}

export class Viewer {
  readonly peer: PeerSession;
  readonly announcements: string[] = [];
  closed = false;
  goaway: string | undefined;

  constructor(session: ReturnType<MemoryTree["connect"]>, clock: MemoryClock) {
    this.peer = new PeerSession(
      session,
      { role: "client", originId: 9_999, serves: false, clock },
      createMoqSession,
      {
        onGoaway: (uri) => {
          this.goaway = uri;
        },
        onClose: () => {
          this.closed = true;
        },
      },
    );
  }

  announced(prefix = ""): string[] {
    this.peer.moq.announcements(prefix, 9_999, {
      onActive: (path, hops) => this.announcements.push(`active ${path} ${hops.join(">")}`),
      onReplaced: (path, hops) => this.announcements.push(`replaced ${path} ${hops.join(">")}`),
      onEnded: (path) => this.announcements.push(`ended ${path}`),
      onReady: () => this.announcements.push("ready"),
      onClosed: (code) => this.announcements.push(`closed ${code}`),
    });
    return this.announcements;
  }

  watch(broadcast: string, track = "video", options: Partial<SubscribeOptions> = {}): Watching {
    const watching = new Watching();
    watching.subscription = this.peer.moq.subscribe(
      broadcast,
      track,
      {
        priority: 60,
        ordered: false,
        maxLatencyMs: 0,
        startGroup: undefined,
        endGroup: undefined,
        ...options,
      },
      watching,
    );
    return watching;
  }

  close(): void {
    this.peer.close(ERROR_CODES.cancel, "", { linger: false });
  }
}

export class Watching implements SubscriptionListener {
  subscription: Subscription | undefined;
  info: TrackInfo | undefined;
  readonly groups: SeenGroup[] = [];
  closed: string | undefined;

  onInfo(info: TrackInfo): void {
    this.info = info;
  }

  onGroup(group: IncomingGroup): void {
    const seen: SeenGroup = { sequence: group.sequence, timestamps: [], state: "open" };
    this.groups.push(seen);
    group.listener = {
      onFrame: (frame) => seen.timestamps.push(frame.timestamp),
      onEnd: () => {
        seen.state = "complete";
      },
      onAborted: () => {
        seen.state = "aborted";
      },
    };
  }

  onDropped(): void {}

  onClosed(code: ErrorCode | undefined): void {
    this.closed = `closed ${code}`;
  }

  get sequences(): number[] {
    return this.groups.map((group) => group.sequence);
  }

  get timestamps(): number[] {
    return this.groups.flatMap((group) => group.timestamps);
  }
}

/** A publisher on a session of its own. */
export class Publisher {
  readonly store: Store;
  readonly peer: PeerSession;

  constructor(tree: MemoryTree, to: string) {
    const { clock } = tree;
    this.store = new Store({}, { clock, schedule: (flush) => clock.schedule(0, flush) });
    const session = tree.connect("publisher", to);
    const originId = 1_000_000 + tree.connections.length;
    this.peer = new PeerSession(
      session,
      { role: "client", originId, serves: true, clock },
      createMoqSession,
      {
        onClose: () => {},
      },
    );
    this.peer.serve(
      new DownstreamSession(
        {
          ...DEFAULT_DOWNSTREAM_OPTIONS,
          scope: OPEN_SCOPE,
          via: this.peer,
          mayReplaceAnnouncements: () => true,
        },
        {
          store: this.store,
          counters: new DownstreamCounters(),
          clock,
          logger: createSilentLogger(),
          sendRate: () => ({ sendRateBps: 0, rttMs: 0 }),
        },
      ),
    );
  }
}

/** Fills a track like an encoder: `fps` frames a second, a new group every `groupFrames`. */
export class TestEncoder {
  sent: { readonly sequence: number; readonly timestamps: number[] }[] = [];
  frameBytes = 500;
  private readonly tree: MemoryTree;
  private readonly track: Track;
  private readonly groupFrames: number;
  private group: ReturnType<Track["openGroup"]> | undefined;
  private count = 0;

  constructor(tree: MemoryTree, track: Track, groupFrames = 10) {
    this.tree = tree;
    this.track = track;
    this.groupFrames = groupFrames;
  }

  /** Encodes for `ms`, one frame every `frameMs`. */
  async run(ms: number, frameMs = 40): Promise<void> {
    for (let passed = 0; passed < ms; passed += frameMs) {
      this.frame();
      await this.tree.advance(frameMs);
    }
  }

  frame(firstSequence?: number): void {
    if (this.group === undefined || this.count % this.groupFrames === 0) {
      this.group?.finish();
      this.group = this.track.openGroup(this.group === undefined ? firstSequence : undefined);
      this.sent.push({ sequence: this.group.sequence, timestamps: [] });
    }
    this.count += 1;
    const timestampUs = this.tree.clock.nowUs();
    this.group.append(timestampUs, new Uint8Array(this.frameBytes));
    this.sent[this.sent.length - 1]?.timestamps.push(timestampUs);
  }

  get timestamps(): number[] {
    return this.sent.flatMap((group) => group.timestamps);
  }
}
