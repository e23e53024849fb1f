import { randomInt } from "node:crypto";
import { ERROR_CODES } from "@canopy/protocol";
import {
  type Clock,
  createClock,
  createSilentLogger,
  type Logger,
  type Metrics,
  type Readiness,
  type SessionScope,
} from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import { DownstreamCounters } from "./downstream/downstream-counters.ts";
import {
  DEFAULT_DOWNSTREAM_OPTIONS,
  type DownstreamOptions,
  NODE_SESSION_OPTIONS,
} from "./downstream/downstream-options.ts";
import { AcceptedPeer, type AuthorizePeer, type PublisherHook } from "./peer/accepted-peer.ts";
import { createMoqSession } from "./peer/create-moq-session.ts";
import type { CreateMoqConnection } from "./peer/moq-connection.ts";
import { bindRelayMetrics } from "./relay-metrics.ts";
import { SessionTotals } from "./session-totals.ts";
import type { ScheduleFlush } from "./store/flush-queue.ts";
import { Store, type StoreOptions } from "./store/store.ts";
import type { Parent, ParentChooser, ParentDirectory } from "./tree/choose-parent.ts";
import type { Topology } from "./tree/describe-topology.ts";
import { LinkedParents } from "./upstream/linked-parents.ts";
import {
  type ConnectParent,
  DEFAULT_PARENT_LINK,
  ParentLink,
  type ParentLinkOptions,
} from "./upstream/parent-link.ts";
import { UpstreamCounters } from "./upstream/upstream-counters.ts";

export interface RelayNodeOptions {
  /** This node's hop id, 1 to 2^53 - 1. Default: random. */
  readonly originId?: number;
  readonly name?: string;
  readonly tier?: number;
  readonly store?: Omit<StoreOptions, "originId">;
  readonly downstream?: Partial<DownstreamOptions>;
  readonly parent?: Partial<Omit<ParentLinkOptions, "originId">>;
  /** Sessions whose scope allows it may publish. Default false: an edge or relay takes broadcasts from parents only. */
  readonly acceptPublishers?: boolean;
}

export interface RelayNodeDeps {
  /** Default: `MoqSession`. */
  readonly createMoq?: CreateMoqConnection;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /** With `connect`: a node with parents takes broadcasts from them, from one at a time. */
  readonly parents?: ParentChooser;
  /** Instead of `parents`: links to several at the same time. */
  readonly directory?: ParentDirectory;
  readonly connect?: ConnectParent;
  readonly schedule?: ScheduleFlush;
  /** Calls `tick` every `intervalMs`; returns how to stop. Default: `setInterval`. */
  readonly startTimer?: (intervalMs: number, tick: () => void) => () => void;
  readonly random?: () => number;
  /** A session that may publish is open. May name another store that its broadcasts are taken into. */
  readonly onPublisherSession?: PublisherHook;
}

/** The store and the probes need to be looked at less often than the parent. */
const STORE_TICKS = 3;
const SECOND_TICKS = 10;

/** One node of the tree: a store, the sessions it serves, and the link to its parent. */
export class RelayNode implements AsyncDisposable {
  readonly originId: number;
  readonly store: Store;
  readonly downstreamCounters = new DownstreamCounters();
  readonly upstreamCounters = new UpstreamCounters();
  private readonly options: RelayNodeOptions;
  private readonly deps: RelayNodeDeps;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly downstream: DownstreamOptions;
  /** For sessions that may be those of child nodes. */
  private readonly nodeDownstream: DownstreamOptions;
  private readonly intervalMs: number;
  private readonly peers = new Set<AcceptedPeer>();
  private readonly totals: SessionTotals;
  private readonly parentLink: ParentLink | LinkedParents | undefined;
  private stopTimer: (() => void) | undefined;
  private withdrawMetrics: (() => void) | undefined;
  private ticks = 0;
  private closed = false;

  constructor(options: RelayNodeOptions, deps: RelayNodeDeps) {
    this.options = options;
    this.deps = deps;
    this.clock = deps.clock ?? createClock();
    this.logger = deps.logger ?? createSilentLogger();
    this.originId = options.originId ?? randomInt(1, 2 ** 48 - 1);
    const { clock } = this;
    this.totals = new SessionTotals({ nowMs: () => clock.nowMs() });
    this.store = new Store(
      { ...options.store, originId: this.originId },
      deps.schedule === undefined ? { clock } : { clock, schedule: deps.schedule },
    );
    this.store.onObserverFailed = (track, err) => {
      this.logger.error({ err, track: track.name }, "what follows a track has failed, and was let go of");
    };
    this.downstream = { ...DEFAULT_DOWNSTREAM_OPTIONS, ...options.downstream };
    this.nodeDownstream = { ...DEFAULT_DOWNSTREAM_OPTIONS, ...NODE_SESSION_OPTIONS, ...options.downstream };
    const parent = { ...DEFAULT_PARENT_LINK, ...options.parent, originId: this.originId };
    this.intervalMs = parent.intervalMs;
    this.parentLink = this.createParentLink(parent);
  }

  private createParentLink(options: ParentLinkOptions): ParentLink | LinkedParents | undefined {
    const { store, clock, deps, upstreamCounters } = this;
    const { connect, parents, directory } = deps;
    if (connect === undefined) return undefined;
    const linkDeps = {
      connect: async (parent: Parent, signal: AbortSignal) => {
        const session = await connect(parent, signal);
        this.totals.add(session);
        return session;
      },
      createMoq: deps.createMoq ?? createMoqSession,
      store,
      counters: upstreamCounters,
      clock,
      logger: this.logger.child("parent"),
      random: deps.random ?? Math.random,
      onSessionClosed: (session: Session) => this.totals.remove(session),
    };
    if (directory !== undefined) return new LinkedParents(options, { ...linkDeps, directory });
    return parents === undefined ? undefined : new ParentLink(options, { ...linkDeps, chooser: parents });
  }

  /** Dials the parent and starts the one timer. */
  start(): void {
    if (this.stopTimer !== undefined || this.closed) return;
    const { metrics, startTimer } = this.deps;
    if (metrics !== undefined) {
      this.withdrawMetrics = bindRelayMetrics(metrics, {
        store: this.store,
        downstream: this.downstreamCounters,
        upstream: this.upstreamCounters,
        sessions: this.totals,
        parents: () => this.parentLink?.connectedCount ?? 0,
      });
    }
    this.stopTimer = (startTimer ?? startInterval)(this.intervalMs, () => this.tick());
    this.parentLink?.start();
  }

  /**
   * Serves a session that a server has accepted. `authorize` is asked once the session's path is known, or is the
   * answer itself. The session's handler is set when this returns.
   */
  acceptSession(session: Session, authorize: SessionScope | AuthorizePeer): void {
    if (this.closed) {
      session.close(ERROR_CODES.closed, "the node is closing");
      return;
    }
    this.totals.add(session);
    const peer = new AcceptedPeer(
      session,
      {
        originId: this.originId,
        downstream: isBrowser(session) ? this.downstream : this.nodeDownstream,
        acceptPublishers: this.options.acceptPublishers ?? false,
      },
      {
        createMoq: this.deps.createMoq ?? createMoqSession,
        store: this.store,
        downstreamCounters: this.downstreamCounters,
        upstreamCounters: this.upstreamCounters,
        clock: this.clock,
        logger: this.logger.child("session"),
        onPublisherSession: this.deps.onPublisherSession,
        onClosed: (closed) => {
          this.peers.delete(closed);
          this.totals.remove(closed.session);
        },
      },
    );
    this.peers.add(peer);
    peer.start(authorize);
  }

  /** Paths of the broadcasts that are active here. */
  *announced(): Iterable<string> {
    for (const broadcast of this.store) yield broadcast.path;
  }

  readiness(): Readiness {
    const reasons: string[] = [];
    if (this.closed) reasons.push("the node is closing");
    if (this.parentLink !== undefined && !this.parentLink.connected) reasons.push("no parent is connected");
    return { ready: reasons.length === 0, reasons };
  }

  /** `sees`: which broadcasts the one who asks may know of. */
  topology(sees: (path: string) => boolean = () => true): Topology {
    const { peers, store } = this;
    return {
      originId: this.originId,
      name: this.options.name ?? "",
      tier: this.options.tier,
      parent: this.parentLink?.stats() ?? null,
      ...(this.parentLink instanceof LinkedParents && { parents: this.parentLink.describe() }),
      sessions: peers.size,
      children: [...peers]
        .filter((peer) => peer.session.kind === "quic")
        .map((peer) => ({
          originId: peer.peerOriginId,
          address: peer.session.remoteAddress,
          subscriptions: peer.subscriptionCount,
        })),
      subscriptions: {
        upstream: this.upstreamCounters.subscriptions,
        downstream: this.downstreamCounters.subscriptions,
      },
      cacheBytes: store.cacheBytes,
      broadcasts: [...store]
        .filter(({ path }) => sees(path))
        .map((broadcast) => ({
          path: broadcast.path,
          hops: broadcast.hops,
          lingering: broadcast.lingering,
          tracks: [...broadcast.tracks.values()].map((track) => ({
            name: track.name,
            subscriptions: track.observerCount,
          })),
        })),
    };
  }

  /** Sessions that are served now, and the links to parents. 0 after `close`. */
  get openCount(): number {
    return this.peers.size + (this.parentLink?.openCount ?? 0);
  }

  /** The node will stop: asks everyone to move to `uri` ("" = elsewhere). New sessions are refused by the gate. */
  drain(uri: string): void {
    this.sendAway(Number.POSITIVE_INFINITY, () => uri);
  }

  /** Asks up to `limit` sessions that have not been asked yet to go on elsewhere. Returns how many were asked. */
  sendAway(limit: number, nextUri: () => string): number {
    let count = 0;
    for (const peer of this.peers) {
      if (count >= limit) break;
      if (peer.isSentAway) continue;
      peer.goaway(nextUri());
      this.downstreamCounters.goaways += 1;
      count += 1;
    }
    return count;
  }

  /** Housekeeping, called by the one timer. */
  tick(): void {
    const nowMs = this.clock.nowMs();
    this.ticks += 1;
    this.parentLink?.tick(nowMs);
    if (this.ticks % STORE_TICKS === 0) this.store.tick(nowMs);
    const second = this.ticks % SECOND_TICKS === 0;
    for (const peer of this.peers) peer.tick(nowMs, second);
  }

  /** Closes all sessions, then the store. Children take it as a loss and find another parent. Idempotent. */
  close(): Promise<void> {
    if (this.closed) return Promise.resolve();
    this.closed = true;
    this.stopTimer?.();
    for (const peer of [...this.peers]) peer.close(ERROR_CODES.closed, "the node is closing");
    this.parentLink?.close();
    this.store.close();
    this.withdrawMetrics?.();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function startInterval(intervalMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, intervalMs);
  return () => clearInterval(timer);
}

/** Child nodes never come by what browsers use. */
function isBrowser(session: Session): boolean {
  return session.kind === "webtransport" || session.kind === "websocket";
}
