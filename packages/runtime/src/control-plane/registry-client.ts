import { randomUUID } from "node:crypto";
import type { Logger } from "../log/logger.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { RuntimeError } from "../runtime-error.ts";
import { backoffMs } from "../time/backoff.ts";
import type { Clock } from "../time/clock.ts";
import type { Scheduler } from "../time/scheduler.ts";
import { BadRecordLog } from "./bad-record-log.ts";
import type { ClaimOptions, ClaimResult, ClusterView, ControlPlane, NodeRecord } from "./control-plane.ts";
import { type ControlPlaneCounters, createControlPlaneCounters } from "./control-plane-counters.ts";
import { NodeClaim } from "./node-claim.ts";
import { DEFAULT_REGISTRY_TIMES, type RegistryBackend, type RegistryChange } from "./registry-backend.ts";
import { ViewKeeper } from "./view-keeper.ts";

export interface RegistryClientOptions {
  readonly heartbeatMs: number;
  /** The whole view is read so often; between, changes are heard. */
  readonly refreshMs: number;
  /** A node is gone after so long without a heartbeat. */
  readonly expiryMs: number;
  /** Longest time between two attempts while the registry is away. */
  readonly retryCapMs: number;
}

export const DEFAULT_REGISTRY_CLIENT: RegistryClientOptions = {
  heartbeatMs: 500,
  refreshMs: 2_000,
  expiryMs: DEFAULT_REGISTRY_TIMES.expiryMs,
  retryCapMs: 3_000,
};

export interface RegistryClientDeps {
  readonly backend: RegistryBackend;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly metrics?: Metrics | undefined;
}

/** Heartbeats and refreshes are spread by so much of their interval, so that nodes do not come in step. */
const JITTER_SHARE = 0.2;
/** Broadcasts are read whole at every so-manieth refresh, even if their version says that nothing has changed. */
const WHOLE_READ_EVERY = 15;
/** How often a claim asks again whether the path's owner is alive. */
const CONTEST_POLL_MS = 150;
/** Longest that a claim waits for it: by then the owner has sent a heartbeat or is silent. */
const CONTEST_MS = 3_000;
/** Claims that are put right at the same time. */
const RECONCILE_BATCH = 32;
/** Watchers are told of all changes of such a span at once. */
const NOTIFY_MS = 20;

/**
 * A node's side of the registry, the same for every kind of it. One cycle at a time: heartbeat, then the view if it is
 * due, then the node's own claims are compared with what the registry shows and put right. A cycle that fails makes
 * the view stale and is tried again with growing, jittered intervals; nothing is queued meanwhile, because the next
 * cycle says everything anew.
 */
export class RegistryClient implements ControlPlane {
  readonly #options: RegistryClientOptions;
  readonly #deps: RegistryClientDeps;
  readonly #instance = randomUUID();
  readonly #keeper: ViewKeeper;
  readonly #counters: ControlPlaneCounters;
  readonly #badRecords: BadRecordLog;
  readonly #claims = new Map<string, NodeClaim>();
  readonly #watchers = new Set<(view: ClusterView) => void>();
  #read: (() => NodeRecord) | undefined;
  /** Of the last heartbeat, without the load. */
  #announced = "";
  #nodeId = 0;
  #isDuplicate = false;
  #available = false;
  #failures = 0;
  #readDueMs = 0;
  #reads = 0;
  #running: Promise<void> | undefined;
  #cancelCycle: (() => void) | undefined;
  #cancelNotify: (() => void) | undefined;
  #notified: ClusterView | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: Partial<RegistryClientOptions>, deps: RegistryClientDeps) {
    this.#options = { ...DEFAULT_REGISTRY_CLIENT, ...options };
    this.#deps = deps;
    this.#counters = createControlPlaneCounters(deps.metrics, {
      up: () => (this.#available ? 1 : 0),
      view: () => this.#keeper.view(),
    });
    this.#badRecords = new BadRecordLog({ logger: deps.logger, count: this.#counters.countBadRecord });
    this.#keeper = new ViewKeeper(
      { expiryMs: this.#options.expiryMs },
      { onBadRecord: (reason, key, field) => this.#badRecords.add(reason, key, field) },
    );
    deps.backend.listen({
      onChange: (change) => this.#onChange(change),
      onGap: () => this.#onGap(),
      onBadChange: () => this.#badRecords.add("malformed", "message", undefined),
    });
    this.#schedule(0);
  }

  get available(): boolean {
    return this.#available;
  }

  async register(read: () => NodeRecord): Promise<void> {
    if (this.#closing !== undefined) return;
    this.#read = read;
    this.#nodeId = read().id;
    await this.#cycle();
  }

  async announce(): Promise<void> {
    if (this.#read !== undefined && this.#closing === undefined) await this.#cycle();
  }

  async deregister(): Promise<void> {
    if (this.#read === undefined) return;
    this.#read = undefined;
    this.#announced = "";
    for (const claim of this.#claims.values()) claim.over = true;
    this.#claims.clear();
    await this.#running;
    if (!this.#isDuplicate) await this.#attempt(() => this.#deps.backend.leave(this.#nodeId, this.#instance));
  }

  async claim(path: string, options: ClaimOptions): Promise<ClaimResult> {
    const former = this.#claims.get(path);
    // Answered one after another, so that the second of two publishers does not slip past the first one's question.
    while (former?.asked !== undefined) await former.asked;
    const known = this.#claims.get(path);
    const claim = known ?? this.#createClaim(path, options);
    const { onLost } = claim.options;
    claim.options = options;
    claim.live = true;
    if (this.#closing === undefined) this.#claims.set(path, claim);
    const by = await this.#ask(claim, 0);
    if (by !== undefined) {
      this.#end(claim);
      if (known !== undefined) onLost?.(by);
      this.#counters.countClaim("held");
      return { kind: "held", by };
    }
    const kind = claim.epoch === 0 ? "unknown" : "claimed";
    this.#counters.countClaim(kind);
    return { kind, claim };
  }

  view(): ClusterView {
    return this.#keeper.view();
  }

  watch(onChange: (view: ClusterView) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#cancelCycle?.();
    this.#cancelNotify?.();
    this.#watchers.clear();
    await this.deregister();
    await this.#running;
    this.#cancelCycle?.();
    await this.#deps.backend.close();
    this.#counters.withdraw();
  }

  // ------------------------------------------------------------------ cycle

  /** Runs a cycle after the one that may be running. */
  async #cycle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#cancelCycle?.();
    this.#running = this.#runCycle();
    await this.#running;
  }

  async #runCycle(): Promise<void> {
    const { scheduler } = this.#deps;
    const isDone = await this.#attempt(async () => {
      if (this.#read !== undefined) await this.#beat(this.#read());
      if (scheduler.nowMs() >= this.#readDueMs) await this.#readView();
      else this.#keeper.expire(scheduler.nowMs());
    });
    if (isDone) await this.#reconcile();
    this.#notify();
    this.#running = undefined;
    if (this.#closing !== undefined) return;
    const { heartbeatMs, retryCapMs } = this.#options;
    const retry = { baseMs: heartbeatMs, capMs: retryCapMs };
    const waitMs = isDone
      ? this.#spread(heartbeatMs)
      : backoffMs(this.#failures - 1, this.#deps.random(), retry);
    this.#schedule(waitMs);
  }

  #schedule(delayMs: number): void {
    if (this.#closing !== undefined) return;
    this.#cancelCycle?.();
    this.#cancelCycle = this.#deps.scheduler.after(delayMs, () => {
      // Never rejects: whatever goes wrong is seen as an absence of the registry.
      if (this.#running === undefined) this.#running = this.#runCycle();
    });
  }

  #onGap(): void {
    this.#keeper.distrust();
    // The registry is back: not at once, because all nodes have noticed at the same time.
    if (this.#available) this.#hurry();
    else if (this.#running === undefined) this.#schedule(this.#deps.random() * this.#options.heartbeatMs);
  }

  /** The view has to be read soon. */
  #hurry(): void {
    const { scheduler, random } = this.#deps;
    const dueMs = scheduler.nowMs() + random() * this.#options.heartbeatMs;
    this.#readDueMs = Math.min(this.#readDueMs, dueMs);
  }

  #spread(intervalMs: number): number {
    return intervalMs * (1 - JITTER_SHARE + 2 * JITTER_SHARE * this.#deps.random());
  }

  async #beat(record: NodeRecord): Promise<void> {
    const { load: _, ...lasting } = record;
    const announced = JSON.stringify(lasting);
    const answer = await this.#deps.backend.beat({
      id: record.id,
      instance: this.#instance,
      record: JSON.stringify(record),
      announce: announced !== this.#announced,
    });
    const wasDuplicate = this.#isDuplicate;
    this.#isDuplicate = answer === "duplicate";
    if (answer === "duplicate") {
      // Whoever was there first keeps the id: that needs no clock, and a copy of a machine comes second.
      if (!wasDuplicate) {
        this.#badRecords.add("duplicate", String(record.id), "id");
        this.#deps.logger.error(
          { id: record.id },
          "another node has this node's id; this one stays unregistered",
        );
      }
      return;
    }
    if (answer === "joined" && this.#announced !== "") this.#keeper.distrust();
    this.#announced = announced;
  }

  async #readView(): Promise<void> {
    const { backend, clock, scheduler } = this.#deps;
    if (this.#reads % WHOLE_READ_EVERY === 0) this.#keeper.distrust();
    const snapshot = await backend.read(this.#keeper.version);
    this.#reads += 1;
    const nowMs = scheduler.nowMs();
    this.#keeper.found(nowMs);
    this.#keeper.applySnapshot(snapshot, nowMs, clock.nowMs());
    this.#readDueMs = nowMs + this.#spread(this.#options.refreshMs);
  }

  /** Returns false, and takes note, if the registry did not do it. */
  async #attempt(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      this.#counters.countCommand("ok");
      this.#onAnswer();
      return true;
    } catch (error) {
      this.#counters.countCommand("failed");
      this.#onFailure(error);
      return false;
    }
  }

  #onAnswer(): void {
    this.#failures = 0;
    if (this.#available) return;
    this.#available = true;
    this.#deps.logger.info({}, "the registry answers");
  }

  #onFailure(error: unknown): void {
    this.#failures += 1;
    this.#keeper.lost();
    this.#readDueMs = 0;
    if (!this.#available && this.#failures > 1) return;
    this.#available = false;
    const code = error instanceof RuntimeError ? error.code : undefined;
    this.#deps.logger.warn(
      { code, err: error },
      "the registry is away; what is known of the deployment stays",
    );
  }

  // ------------------------------------------------------------------ changes

  #onChange(change: RegistryChange): void {
    if (this.#closing !== undefined) return;
    if (!this.#keeper.applyChange(change, this.#deps.scheduler.nowMs())) this.#hurry();
    if (change.kind === "claimed") {
      const claim = this.#claims.get(change.path);
      if (claim !== undefined) this.#checkOwner(claim);
    }
    this.#notify();
  }

  #notify(): void {
    if (this.#watchers.size === 0 || this.#cancelNotify !== undefined || this.#closing !== undefined) return;
    if (this.#keeper.view() === this.#notified) return;
    this.#cancelNotify = this.#deps.scheduler.after(NOTIFY_MS, () => {
      this.#cancelNotify = undefined;
      const view = this.#keeper.view();
      this.#notified = view;
      for (const watcher of [...this.#watchers]) watcher(view);
    });
  }

  // ------------------------------------------------------------------ claims

  #createClaim(path: string, options: ClaimOptions): NodeClaim {
    return new NodeClaim(path, Math.floor(this.#deps.clock.nowMs()), options, {
      setLive: (claim) => {
        if (claim.epoch === 0 || claim.asked !== undefined) return;
        // A failure is put right by the cycle that finds the registry again.
        void this.#attempt(() => this.#deps.backend.setLive(change(claim), claim.live));
      },
      release: async (claim) => {
        if (this.#claims.get(claim.path) === claim) this.#claims.delete(claim.path);
        if (claim.epoch > 0) await this.#attempt(() => this.#deps.backend.release(change(claim)));
      },
    });
  }

  /**
   * Asks for the path, with the epoch of an earlier grant or 0. Resolves with the one who holds it; otherwise the claim
   * stands, agreed to (its epoch says so) or not yet.
   */
  async #ask(claim: NodeClaim, epoch: number): Promise<number | undefined> {
    if (this.#closing !== undefined) return undefined;
    let by: number | undefined;
    const asked = this.#attempt(async () => {
      by = await this.#contest(claim, epoch);
    });
    claim.asked = asked;
    await asked;
    claim.asked = undefined;
    return by;
  }

  async #contest(claim: NodeClaim, epoch: number): Promise<number | undefined> {
    const { backend, scheduler } = this.#deps;
    const { nodeId, takeOver } = claim.options;
    const startedMs = scheduler.nowMs();
    let hasBeaten = false;
    for (;;) {
      const answer = await backend.claim({
        path: claim.path,
        nodeId,
        instance: this.#instance,
        takeOver,
        live: claim.live,
        epoch,
        startedAtMs: claim.startedAtMs,
      });
      if (answer.kind === "claimed") {
        claim.epoch = answer.epoch;
        if (claim.over) await backend.release(change(claim));
        return undefined;
      }
      if (answer.kind === "unregistered") {
        if (hasBeaten || this.#read === undefined) return undefined;
        hasBeaten = true;
        await this.#beat(this.#read());
        continue;
      }
      const waitedMs = scheduler.nowMs() - startedMs;
      // It has sent a heartbeat since the question: it lives.
      if (epoch > 0 || answer.silentMs < waitedMs || waitedMs > CONTEST_MS) return answer.by;
      await new Promise<void>((resolve) => scheduler.after(CONTEST_POLL_MS, resolve));
      if (claim.over || this.#closing !== undefined) return undefined;
    }
  }

  #end(claim: NodeClaim): void {
    claim.over = true;
    if (this.#claims.get(claim.path) === claim) this.#claims.delete(claim.path);
  }

  #lose(claim: NodeClaim, by: number): void {
    if (claim.over) return;
    this.#end(claim);
    this.#counters.countClaim("lost");
    claim.options.onLost?.(by);
  }

  /** Ends a claim that somebody else has got since. */
  #checkOwner(claim: NodeClaim): void {
    const record = this.#keeper.broadcast(claim.path);
    if (record === undefined || claim.asked !== undefined || claim.epoch === 0) return;
    if (record.nodeId !== claim.options.nodeId && record.epoch > claim.epoch)
      this.#lose(claim, record.nodeId);
  }

  /** Makes the registry show this node's claims, and nothing else as this node's. */
  async #reconcile(): Promise<void> {
    if (this.#keeper.stale || this.#isDuplicate || this.#nodeId === 0) return;
    const repairs: (() => Promise<unknown>)[] = [];
    for (const claim of this.#claims.values()) {
      const repair = this.#repair(claim);
      if (repair !== undefined) repairs.push(repair);
    }
    for (const record of this.#keeper.broadcastsOf(this.#nodeId)) {
      if (!this.#claims.has(record.path)) {
        repairs.push(() => this.#attempt(() => this.#deps.backend.release(record)));
      }
    }
    for (let index = 0; index < repairs.length && this.#available; index += RECONCILE_BATCH) {
      await Promise.all(repairs.slice(index, index + RECONCILE_BATCH).map((repair) => repair()));
    }
  }

  #repair(claim: NodeClaim): (() => Promise<unknown>) | undefined {
    if (claim.asked !== undefined || this.#read === undefined) return undefined;
    const record = this.#keeper.broadcast(claim.path);
    if (claim.epoch === 0 || record === undefined || record.nodeId !== claim.options.nodeId) {
      return async () => {
        const by = await this.#ask(claim, claim.epoch);
        if (by !== undefined) this.#lose(claim, by);
      };
    }
    claim.epoch = Math.max(claim.epoch, record.epoch);
    if (record.live === claim.live) return undefined;
    return () => this.#attempt(() => this.#deps.backend.setLive(change(claim), claim.live));
  }
}

function change(claim: NodeClaim): { path: string; nodeId: number; epoch: number } {
  return { path: claim.path, nodeId: claim.options.nodeId, epoch: claim.epoch };
}
