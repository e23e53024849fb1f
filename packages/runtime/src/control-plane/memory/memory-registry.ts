import { RuntimeError } from "../../runtime-error.ts";
import { type Scheduler, SYSTEM_SCHEDULER } from "../../time/scheduler.ts";
import { MAX_BROADCAST_RECORD_BYTES, readBroadcast, writeBroadcast } from "../broadcast-text.ts";
import {
  type ClaimAnswer,
  type ClaimChange,
  type ClaimRequest,
  DEFAULT_REGISTRY_TIMES,
  type Heartbeat,
  type HeartbeatAnswer,
  MAX_NODE_RECORD_BYTES,
  type RegistryBackend,
  type RegistryChange,
  type RegistryListener,
  type RegistrySnapshot,
  type RegistryTimes,
} from "../registry-backend.ts";

interface StoredNode {
  readonly instance: string;
  readonly record: string;
  readonly seenMs: number;
}

export interface MemoryRegistryOptions extends RegistryTimes {}

export interface MemoryRegistryDeps {
  readonly scheduler: Scheduler;
}

/**
 * The registry of nodes that share a process: tests and simulations. The rules are those of the Redis scripts, line
 * by line, and one suite of tests holds both to them. `connect` gives every node its own way to it, which can be cut.
 */
export class MemoryRegistry {
  readonly nodes = new Map<string, StoredNode>();
  readonly broadcasts = new Map<string, string>();
  readonly #times: RegistryTimes;
  readonly #scheduler: Scheduler;
  readonly #listeners = new Map<RegistryListener, () => boolean>();
  #epoch = 0;
  #version = 1;
  #quietUntilMs = 0;
  /** False: nobody reaches the registry, as when it is down. */
  available = true;

  constructor(
    options: Partial<MemoryRegistryOptions> = {},
    deps: MemoryRegistryDeps = { scheduler: SYSTEM_SCHEDULER },
  ) {
    this.#times = { ...DEFAULT_REGISTRY_TIMES, ...options };
    this.#scheduler = deps.scheduler;
  }

  /** `reachable` says at every call whether this node's way to the registry is open. */
  connect(reachable: () => boolean = () => true): RegistryBackend {
    const open = (): boolean => this.available && reachable();
    const ask = <T>(answer: () => T): Promise<T> =>
      open() ? Promise.resolve(answer()) : Promise.reject(away());
    let own: RegistryListener | undefined;
    return {
      beat: (heartbeat) => ask(() => this.#beat(heartbeat)),
      leave: (id, instance) => ask(() => this.#leave(String(id), instance)),
      claim: (request) => ask(() => this.#claim(request)),
      setLive: (change, live) => ask(() => this.#change(change, live)),
      release: (change) => ask(() => this.#change(change, undefined)),
      read: (knownVersion) => ask(() => this.#read(knownVersion)),
      listen: (listener) => {
        own = listener;
        this.#listeners.set(listener, open);
      },
      close: () => {
        if (own !== undefined) this.#listeners.delete(own);
        return Promise.resolve();
      },
    };
  }

  /** Forgets everything, as a registry that was started anew without its data. */
  clear(): void {
    this.nodes.clear();
    this.broadcasts.clear();
    this.#version += 1_000;
  }

  #beat(heartbeat: Heartbeat): HeartbeatAnswer {
    const nowMs = this.#scheduler.nowMs();
    const id = String(heartbeat.id);
    const old = this.nodes.get(id);
    const known = old !== undefined && nowMs - old.seenMs < this.#times.expiryMs;
    if (known && old.instance !== heartbeat.instance) return "duplicate";
    this.#watchQuiet(nowMs);
    this.nodes.set(id, { instance: heartbeat.instance, record: heartbeat.record, seenMs: nowMs });
    if (!known || heartbeat.announce) this.#publish({ kind: "node", id, record: heartbeat.record });
    this.#sweep(nowMs);
    return known ? "kept" : "joined";
  }

  /** When nobody was heard of for the expiry time, the registry was away: everybody gets that time to come back. */
  #watchQuiet(nowMs: number): void {
    let newestMs = Number.NEGATIVE_INFINITY;
    for (const { seenMs } of this.nodes.values()) newestMs = Math.max(newestMs, seenMs);
    if (this.nodes.size > 0 && nowMs - newestMs >= this.#times.expiryMs) {
      this.#quietUntilMs = nowMs + this.#times.expiryMs;
    }
  }

  #sweep(nowMs: number): void {
    if (nowMs < this.#quietUntilMs) return;
    let isAnyGone = false;
    for (const [id, { seenMs }] of this.nodes) {
      if (nowMs - seenMs < this.#times.expiryMs) continue;
      isAnyGone = true;
      this.nodes.delete(id);
      this.#publish({ kind: "left", id, silent: true });
    }
    if (isAnyGone) this.#dropOrphans();
  }

  #leave(id: string, instance: string): void {
    if (this.nodes.get(id)?.instance !== instance) return;
    this.nodes.delete(id);
    this.#publish({ kind: "left", id, silent: false });
    this.#dropOrphans();
  }

  #dropOrphans(): void {
    for (const [path, text] of this.broadcasts) {
      if (this.nodes.has(text.slice(0, text.indexOf(" ")))) continue;
      this.broadcasts.delete(path);
      this.#publish({ kind: "released", version: this.#nextVersion(), path });
    }
  }

  #claim(request: ClaimRequest): ClaimAnswer {
    const nowMs = this.#scheduler.nowMs();
    const { path, nodeId } = request;
    if (this.nodes.get(String(nodeId))?.instance !== request.instance) return { kind: "unregistered" };
    const text = this.broadcasts.get(path);
    const current = text === undefined ? undefined : readBroadcast(path, text);
    if (current?.nodeId === nodeId) {
      if (current.live !== request.live) this.#store(path, { ...current, live: request.live });
      return { kind: "claimed", epoch: current.epoch };
    }
    let { epoch } = request;
    if (current !== undefined) {
      const seenMs = this.nodes.get(String(current.nodeId))?.seenMs;
      const silentMs = seenMs === undefined ? this.#times.expiryMs : nowMs - seenMs;
      const quiet = nowMs < this.#quietUntilMs;
      const held: ClaimAnswer = { kind: "held", by: current.nodeId, silentMs };
      if (epoch > 0) {
        if (current.epoch > epoch && (quiet || silentMs < this.#times.expiryMs)) return held;
        if (current.epoch > epoch) epoch = 0;
      } else if (current.live && !request.takeOver && (quiet || silentMs < this.#times.ownerSilenceMs)) {
        return held;
      }
    }
    if (epoch === 0) epoch = this.#nextEpoch();
    this.#store(path, { nodeId, epoch, startedAtMs: request.startedAtMs, live: request.live });
    return { kind: "claimed", epoch };
  }

  /** `live` undefined: the path is given back. */
  #change(change: ClaimChange, live: boolean | undefined): void {
    const { path } = change;
    const text = this.broadcasts.get(path);
    const current = text === undefined ? undefined : readBroadcast(path, text);
    if (current === undefined || current.nodeId !== change.nodeId || current.epoch !== change.epoch) return;
    if (live !== undefined) {
      if (current.live !== live) this.#store(path, { ...current, live });
      return;
    }
    this.broadcasts.delete(path);
    this.#publish({ kind: "released", version: this.#nextVersion(), path });
  }

  #store(path: string, record: Parameters<typeof writeBroadcast>[0]): void {
    const text = writeBroadcast(record);
    this.broadcasts.set(path, text);
    this.#publish({ kind: "claimed", version: this.#nextVersion(), path, record: text });
  }

  #read(knownVersion: number): RegistrySnapshot {
    const nowMs = this.#scheduler.nowMs();
    return {
      version: this.#version,
      nodes: [...this.nodes].map(([id, { record, seenMs }]) => ({
        id,
        ageMs: nowMs - seenMs,
        record: record.length > MAX_NODE_RECORD_BYTES ? undefined : record,
      })),
      broadcasts:
        knownVersion === this.#version
          ? undefined
          : [...this.broadcasts].map(([path, record]) => ({
              path,
              record: record.length > MAX_BROADCAST_RECORD_BYTES ? undefined : record,
            })),
    };
  }

  /** Rises with the time of day, too, so that a registry without its data does not give old epochs again. */
  #nextEpoch(): number {
    this.#epoch = Math.max(this.#epoch + 1, Math.floor(this.#scheduler.nowMs()));
    return this.#epoch;
  }

  #nextVersion(): number {
    this.#version += 1;
    return this.#version;
  }

  #publish(change: RegistryChange): void {
    // Later, as over a network: whoever caused the change has its answer first.
    queueMicrotask(() => {
      for (const [listener, reachable] of this.#listeners) {
        if (reachable()) listener.onChange(change);
      }
    });
  }
}

function away(): RuntimeError {
  return new RuntimeError("registry-away", "the registry cannot be reached");
}
