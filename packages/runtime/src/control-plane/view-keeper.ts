import { readBroadcast } from "./broadcast-text.ts";
import type { BroadcastRecord, ClusterView, NodeRecord } from "./control-plane.ts";
import { type BadRecordReason, readNodeRecord } from "./read-node-record.ts";
import {
  MAX_BROADCASTS,
  MAX_NODES,
  MAX_PATH_BYTES,
  type RegistryChange,
  type RegistrySnapshot,
} from "./registry-backend.ts";

export interface ViewKeeperOptions {
  /** A node is gone after so long without a heartbeat, by this process's own clock. */
  readonly expiryMs: number;
}

export interface ViewKeeperDeps {
  /** A record was not heeded, or was corrected. `key` is the node's id or the broadcast's path. */
  readonly onBadRecord: (reason: BadRecordReason, key: string, field: string | undefined) => void;
}

interface KnownNode {
  readonly text: string;
  /** Undefined: the text is not a record. */
  readonly record: NodeRecord | undefined;
  /** Last heartbeat, by this process's clock. */
  aliveAtMs: number;
}

interface KnownBroadcast {
  readonly text: string;
  readonly record: BroadcastRecord | undefined;
  /** Since when the registry does not have it, though nobody has released it; 0 = it has it. */
  missingSinceMs: number;
}

/** Asks for all broadcasts; the registry's own versions begin above it. */
const UNKNOWN_VERSION = 0;
/** Of the expiry time: a node that was silent for so long goes at the registry's word. */
const SILENT_SHARE = 0.8;

/**
 * Keeps what is known of the deployment, from snapshots and changes of the registry. Pure: time is an argument,
 * of this process's steady clock. Nodes are judged by how long ago they were heard of and never by a clock of
 * their own, so it does not matter how wrong that is.
 *
 * What a snapshot does not have is kept for the expiry time if nobody has said good-bye for it: a registry that came
 * back empty, or from a replica that had not got the last writes, is filled again by the nodes themselves.
 */
export class ViewKeeper {
  readonly #options: ViewKeeperOptions;
  readonly #deps: ViewKeeperDeps;
  readonly #nodes = new Map<string, KnownNode>();
  readonly #broadcasts = new Map<string, KnownBroadcast>();
  #version = UNKNOWN_VERSION;
  #readAtMs = 0;
  #stale = true;
  #view: ClusterView | undefined;

  constructor(options: ViewKeeperOptions, deps: ViewKeeperDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** To ask the registry with: 0 when broadcasts may have changed unnoticed. */
  get version(): number {
    return this.#version;
  }

  get stale(): boolean {
    return this.#stale;
  }

  /** The registry's record of a path, whether or not its owner is alive. */
  broadcast(path: string): BroadcastRecord | undefined {
    const known = this.#broadcasts.get(path);
    return known === undefined || known.missingSinceMs !== 0 ? undefined : known.record;
  }

  *broadcastsOf(nodeId: number): Iterable<BroadcastRecord> {
    for (const { record, missingSinceMs } of this.#broadcasts.values()) {
      if (record?.nodeId === nodeId && missingSinceMs === 0) yield record;
    }
  }

  /** The current view; a new object after every change. */
  view(): ClusterView {
    this.#view ??= this.#build();
    return this.#view;
  }

  /** Broadcasts may have changed unnoticed: the next snapshot must have them all. */
  distrust(): void {
    this.#version = UNKNOWN_VERSION;
  }

  /** The registry cannot be reached: everything stays as it is, however long. */
  lost(): void {
    this.#version = UNKNOWN_VERSION;
    if (this.#stale) return;
    this.#stale = true;
    this.#view = undefined;
  }

  /** The registry can be reached again: everybody has the whole expiry time to come back to it. */
  found(nowMs: number): void {
    if (!this.#stale) return;
    this.#stale = false;
    this.#view = undefined;
    for (const node of this.#nodes.values()) node.aliveAtMs = Math.max(node.aliveAtMs, nowMs);
    for (const broadcast of this.#broadcasts.values()) {
      if (broadcast.missingSinceMs !== 0) broadcast.missingSinceMs = nowMs;
    }
  }

  /** `wallMs`: milliseconds since the Unix epoch, for the view. */
  applySnapshot(snapshot: RegistrySnapshot, nowMs: number, wallMs: number): void {
    this.#readAtMs = wallMs;
    this.#view = undefined;
    for (const { id, ageMs, record } of snapshot.nodes) {
      // Heard of in the registry's future: it has changed its clock since. NaN is not near, either.
      if (!(Math.abs(ageMs) < this.#options.expiryMs)) continue;
      this.#setNode(id, record ?? "", nowMs - Math.max(0, ageMs));
    }
    if (snapshot.broadcasts !== undefined) {
      for (const broadcast of this.#broadcasts.values()) broadcast.missingSinceMs ||= nowMs;
      for (const { path, record } of snapshot.broadcasts) this.#setBroadcast(path, record ?? "");
      this.#version = snapshot.version;
    }
    this.expire(nowMs);
  }

  /** Returns false if a change before this one was missed, so that the registry must be read. */
  applyChange(change: RegistryChange, nowMs: number): boolean {
    switch (change.kind) {
      case "node":
        this.#view = undefined;
        this.#setNode(change.id, change.record, nowMs);
        return true;
      case "left":
        this.#leave(change.id, change.silent, nowMs);
        return true;
      default:
        return this.#applyBroadcastChange(change);
    }
  }

  /** Forgets who has been silent for too long. Called often; does nothing while the registry is away. */
  expire(nowMs: number): void {
    if (this.#stale) return;
    const { expiryMs } = this.#options;
    for (const [id, node] of this.#nodes) {
      if (nowMs - node.aliveAtMs < expiryMs) continue;
      this.#nodes.delete(id);
      this.#view = undefined;
    }
    for (const [path, { missingSinceMs }] of this.#broadcasts) {
      if (missingSinceMs === 0 || nowMs - missingSinceMs < expiryMs) continue;
      this.#broadcasts.delete(path);
      this.#view = undefined;
    }
  }

  #applyBroadcastChange(change: Extract<RegistryChange, { readonly version: number }>): boolean {
    const known = this.#version;
    if (known !== UNKNOWN_VERSION && change.version <= known) return true;
    this.#view = undefined;
    if (change.kind === "claimed") this.#setBroadcast(change.path, change.record);
    else this.#broadcasts.delete(change.path);
    if (known === UNKNOWN_VERSION) return true;
    const inStep = change.version === known + 1;
    this.#version = inStep ? change.version : UNKNOWN_VERSION;
    return inStep;
  }

  #leave(id: string, silent: boolean, nowMs: number): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    // The registry's clock may have jumped; who was heard of lately stays until this clock says otherwise.
    if (silent && nowMs - node.aliveAtMs < this.#options.expiryMs * SILENT_SHARE) return;
    this.#nodes.delete(id);
    this.#view = undefined;
  }

  #setNode(id: string, text: string, aliveAtMs: number): void {
    const known = this.#nodes.get(id);
    if (known !== undefined && known.text === text) {
      known.aliveAtMs = Math.max(known.aliveAtMs, aliveAtMs);
      return;
    }
    if (known === undefined && this.#nodes.size >= MAX_NODES) {
      this.#deps.onBadRecord("limit", "nodes", undefined);
      return;
    }
    const reading = readNodeRecord(id, text === "" ? undefined : text);
    if ("problem" in reading) {
      this.#deps.onBadRecord(reading.problem, id, reading.field);
      // Remembered, so that it is looked at and counted once.
      this.#nodes.set(id, { text, record: undefined, aliveAtMs });
      return;
    }
    if (reading.clamped) this.#deps.onBadRecord("clamped", id, "load");
    this.#nodes.set(id, { text, record: reading.record, aliveAtMs });
  }

  #setBroadcast(path: string, text: string): void {
    const known = this.#broadcasts.get(path);
    if (known !== undefined && known.text === text) {
      known.missingSinceMs = 0;
      return;
    }
    if (known === undefined && this.#broadcasts.size >= MAX_BROADCASTS) {
      this.#deps.onBadRecord("limit", "broadcasts", undefined);
      return;
    }
    const record = path.length > MAX_PATH_BYTES ? undefined : readBroadcast(path, text);
    if (record === undefined) {
      const reason = text === "" || path.length > MAX_PATH_BYTES ? "size" : "malformed";
      this.#deps.onBadRecord(reason, path.slice(0, MAX_PATH_BYTES), undefined);
    }
    this.#broadcasts.set(path, { text, record, missingSinceMs: 0 });
  }

  #build(): ClusterView {
    const nodes = new Map<number, NodeRecord>();
    for (const { record } of this.#nodes.values()) {
      if (record !== undefined) nodes.set(record.id, record);
    }
    const broadcasts = new Map<string, BroadcastRecord>();
    for (const { record } of this.#broadcasts.values()) {
      if (record !== undefined && nodes.has(record.nodeId)) broadcasts.set(record.path, record);
    }
    return { nodes, broadcasts, atMs: this.#readAtMs, stale: this.#stale };
  }
}
