import { ERROR_CODES } from "@canopy/protocol";
import type { Session } from "@canopy/transport";
import { BroadcastPlacement, DEFAULT_PLACEMENT } from "../tree/broadcast-placement.ts";
import type { ParentCandidate, ParentDirectory } from "../tree/choose-parent.ts";
import { DRAINING_RANK } from "../tree/select-parents.ts";
import type { ParentLinkDeps, ParentLinkOptions } from "./parent-link.ts";
import { LEAVING_RANK, ParentSlot } from "./parent-slot.ts";

export interface LinkedParentsDeps extends Omit<ParentLinkDeps, "chooser"> {
  readonly directory: ParentDirectory;
}

/** How one parent of several stands, as it is shown. */
export interface LinkedParent {
  readonly originId: number;
  readonly url: string;
  readonly connected: boolean;
  readonly rank: number;
  readonly rttMs: number;
  readonly subscriptions: number;
}

/** How often the directory is asked again. */
const REVIEW_MS = 500;
/** A node that joins is not dialled by all its children in the same moment, where they have another parent. */
const JOIN_SPREAD_MS = 1_000;
/** A parent that the directory has not named for this long is left. */
const UNWANTED_MS = 5_000;
/** How long a parent that is being left goes on delivering what was on its way. */
const LEAVE_MS = 1_000;

/**
 * Links to several parents at the same time. Each announces its broadcasts, so that the store knows every way; tracks
 * are asked by one of them only, which `BroadcastPlacement` decides. A parent's loss or good-bye costs no dialling:
 * its tracks go on by the next route at the group that is needed next. Which parents there should be is the
 * directory's matter; each parent's retries have one owner, its slot.
 */
export class LinkedParents {
  private readonly options: ParentLinkOptions;
  private readonly deps: LinkedParentsDeps;
  private readonly slots = new Map<number, ParentSlot>();
  private readonly placement: BroadcastPlacement;
  private reviewAtMs = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(options: ParentLinkOptions, deps: LinkedParentsDeps) {
    this.options = options;
    this.deps = deps;
    const { clock, random } = deps;
    this.placement = new BroadcastPlacement(DEFAULT_PLACEMENT, { random, nowMs: () => clock.nowMs() });
    deps.store.placement = this.placement;
  }

  /** Url of the parent that stands first among the connected ones. */
  get parentUrl(): string | undefined {
    return this.first?.candidate.url;
  }

  get connected(): boolean {
    return this.connectedCount > 0;
  }

  get connectedCount(): number {
    let count = 0;
    for (const slot of this.slots.values()) if (slot.ready) count += 1;
    return count;
  }

  /** Sessions and attempts that are open; 0 after `close`. */
  get openCount(): number {
    let count = 0;
    for (const slot of this.slots.values()) if (slot.open) count += 1;
    return count;
  }

  stats(): { readonly url: string; readonly rttMs: number } | undefined {
    const { first } = this;
    return first === undefined ? undefined : { url: first.candidate.url, rttMs: first.rttMs };
  }

  describe(): readonly LinkedParent[] {
    return [...this.slots.values()]
      .sort((a, b) => a.place.rank - b.place.rank || a.place.id - b.place.id)
      .map((slot) => ({
        originId: slot.place.id,
        url: slot.candidate.url,
        connected: slot.ready,
        rank: slot.place.rank,
        rttMs: slot.rttMs,
        subscriptions: slot.subscriptionCount,
      }));
  }

  private get first(): ParentSlot | undefined {
    let best: ParentSlot | undefined;
    for (const slot of this.slots.values()) {
      if (!slot.ready) continue;
      if (best === undefined || slot.place.rank < best.place.rank) best = slot;
      else if (slot.place.rank === best.place.rank && slot.subscriptionCount > best.subscriptionCount)
        best = slot;
    }
    return best;
  }

  get session(): Session | undefined {
    return this.first?.session;
  }

  start(): void {
    this.tick(this.deps.clock.nowMs());
  }

  /** To be called every `intervalMs`. */
  tick(nowMs: number): void {
    if (this.closed) return;
    for (const slot of this.slots.values()) slot.look(nowMs);
    if (nowMs >= this.reviewAtMs || this.slots.size === 0) this.review(nowMs);
    for (const slot of this.slots.values()) slot.dialIfDue(nowMs);
    for (const path of this.placement.tick(nowMs)) {
      this.deps.counters.broadcastsMoved += 1;
      this.deps.store.reconsider(path);
    }
  }

  /** Takes up what the directory says now. */
  private review(nowMs: number): void {
    this.reviewAtMs = nowMs + REVIEW_MS;
    const wanted = new Map<number, ParentCandidate>();
    const unreachable = this.unreachable();
    for (const candidate of this.deps.directory.candidates(unreachable)) wanted.set(candidate.id, candidate);
    let bestRank = Number.POSITIVE_INFINITY;
    for (const { id, rank } of wanted.values()) if (!unreachable.has(id)) bestRank = Math.min(bestRank, rank);
    const hasOthers = bestRank < DRAINING_RANK;
    let changed = false;
    for (const candidate of wanted.values()) {
      const slot = this.slots.get(candidate.id);
      if (slot !== undefined) changed = slot.wanted(candidate) || changed;
      // Nobody goes to a node that is about to leave, unless it is the only one.
      else if (candidate.rank < DRAINING_RANK || !hasOthers) this.add(candidate, nowMs);
    }
    for (const [id, slot] of this.slots) {
      // A registry that knows nobody has been emptied: the nodes are still there.
      if (wanted.size > 0 && !wanted.has(id)) changed = this.unwanted(slot, nowMs, bestRank) || changed;
      if (slot.leavingSinceMs !== undefined) this.leaveIfIdle(slot, nowMs);
    }
    if (changed) this.deps.store.reconsider();
  }

  private unreachable(): Set<number> {
    const ids = new Set<number>();
    for (const [id, slot] of this.slots) {
      if ((slot.failures > 0 && !slot.ready) || slot.saidGoodbye) ids.add(id);
    }
    return ids;
  }

  private add(candidate: ParentCandidate, nowMs: number): void {
    const { deps, options } = this;
    const spreadMs = this.connected ? JOIN_SPREAD_MS : 0;
    const slot = new ParentSlot(candidate, options, deps, {
      firstDialAtMs: nowMs + deps.random() * spreadMs,
      isAlone: () => !this.connected,
      onLost: () => this.onLost(),
      onGoodbye: () => this.onGoodbye(),
    });
    this.slots.set(candidate.id, slot);
  }

  /** Its broadcasts go by other parents now; if those are too few, the directory may know more. */
  private onLost(): void {
    if (!this.closed) this.reviewAtMs = Number.NEGATIVE_INFINITY;
  }

  private onGoodbye(): void {
    if (this.closed) return;
    this.deps.store.reconsider();
    this.reviewAtMs = Number.NEGATIVE_INFINITY;
  }

  /** True if the routes' order has changed. */
  private unwanted(slot: ParentSlot, nowMs: number, bestRank: number): boolean {
    if (!slot.ready) {
      this.remove(slot);
      return false;
    }
    // It answers, and nobody as near is known: perhaps it is cut off from the registry alone.
    if (slot.place.rank < bestRank) {
      slot.unwantedSinceMs = undefined;
      return false;
    }
    slot.unwantedSinceMs ??= nowMs;
    if (slot.leavingSinceMs !== undefined || nowMs - slot.unwantedSinceMs < UNWANTED_MS) return false;
    slot.leavingSinceMs = nowMs;
    slot.place.rank = LEAVING_RANK;
    return true;
  }

  /** A parent is left once nothing comes by it that another one has; what it alone has it goes on giving. */
  private leaveIfIdle(slot: ParentSlot, nowMs: number): void {
    if (nowMs - (slot.leavingSinceMs ?? nowMs) < LEAVE_MS) return;
    for (const { route } of this.deps.store) if (route.parent === slot.place) return;
    this.remove(slot);
  }

  private remove(slot: ParentSlot): void {
    this.slots.delete(slot.place.id);
    slot.close("moved to other parents");
  }

  /** Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const slot of this.slots.values()) slot.close("closing", ERROR_CODES.cancel, false);
    this.slots.clear();
    this.deps.store.placement = undefined;
  }
}
