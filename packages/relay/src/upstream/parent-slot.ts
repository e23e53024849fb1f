import { ERROR_CODES, type ErrorCode } from "@canopy/protocol";
import { backoffMs } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import type { RouteParent } from "../store/route.ts";
import type { ParentCandidate } from "../tree/choose-parent.ts";
import { ParentConnection } from "./parent-connection.ts";
import type { ParentLinkDeps, ParentLinkOptions } from "./parent-link.ts";
import type { ParentSwitchReason } from "./upstream-counters.ts";

export type ParentSlotDeps = Omit<ParentLinkDeps, "chooser">;

export interface ParentSlotOwner {
  readonly firstDialAtMs: number;
  /** No parent is connected: every millisecond is one that viewers wait. */
  isAlone(): boolean;
  /** A parent that was connected is gone, or the first attempt has failed. */
  onLost(): void;
  onGoodbye(): void;
}

/** Rank of a parent that has said good-bye or is not wanted any more: after everybody else. */
export const LEAVING_RANK = 1_000_000;

/** With another parent at hand there is no hurry, and a node that comes back is not to be met by all children at once. */
const CALM_BACKOFF = { baseMs: 500, capMs: 10_000 };
const ALONE_BACKOFF = { baseMs: 100, capMs: 1_000 };
/** What is not the node that the registry says will not become it soon. */
const MISTAKEN_BACKOFF = { baseMs: 10_000, capMs: 60_000 };
/** A parent that lets children in and loses them sooner counts as one that refuses. */
const SOUND_AFTER_MS = 1_000;

/** One parent among several: its session, and the only owner of the attempts to have one. */
export class ParentSlot {
  candidate: ParentCandidate;
  readonly place: RouteParent;
  /** It has told its broadcasts. */
  ready = false;
  saidGoodbye = false;
  /** Attempts in a row that did not lead to a sound connection. */
  failures = 0;
  unwantedSinceMs: number | undefined;
  leavingSinceMs: number | undefined;
  private readonly options: ParentLinkOptions;
  private readonly deps: ParentSlotDeps;
  private readonly owner: ParentSlotOwner;
  private connection: ParentConnection | undefined;
  private connectedAtMs = 0;
  private retryAtMs: number | undefined;
  private mistaken = false;
  private closed = false;

  constructor(
    candidate: ParentCandidate,
    options: ParentLinkOptions,
    deps: ParentSlotDeps,
    owner: ParentSlotOwner,
  ) {
    this.candidate = candidate;
    this.place = { id: candidate.id, rank: candidate.rank };
    this.options = options;
    this.deps = deps;
    this.owner = owner;
    this.retryAtMs = owner.firstDialAtMs;
  }

  get open(): boolean {
    return this.connection !== undefined;
  }

  get session(): Session | undefined {
    return this.connection?.session;
  }

  get rttMs(): number {
    return this.connection?.rttMs ?? 0;
  }

  get subscriptionCount(): number {
    return this.connection?.subscriptionCount ?? 0;
  }

  /** The directory names it (again). True if its rank has changed. */
  wanted(candidate: ParentCandidate): boolean {
    this.candidate = candidate;
    this.unwantedSinceMs = undefined;
    if (this.saidGoodbye) return false;
    this.leavingSinceMs = undefined;
    const changed = this.place.rank !== candidate.rank;
    this.place.rank = candidate.rank;
    return changed && this.ready;
  }

  /** Pings the parent, and gives it up if it is silent or takes too long. */
  look(nowMs: number): void {
    const { connection } = this;
    if (connection === undefined) return;
    if (!this.ready && nowMs - connection.startedAtMs > this.options.connectTimeoutMs)
      connection.lose("refused");
    else if (connection.isSilent(nowMs)) connection.lose("silent");
  }

  dialIfDue(nowMs: number): void {
    if (this.closed || this.connection !== undefined) return;
    if (this.retryAtMs === undefined || nowMs < this.retryAtMs) return;
    this.retryAtMs = undefined;
    this.mistaken = false;
    const connection = new ParentConnection(
      this.candidate,
      this.options,
      this.deps,
      {
        onReady: () => this.onReady(connection),
        onOriginId: (originId) => this.onOriginId(connection, originId),
        onGoaway: () => this.onGoaway(connection),
        onLost: (reason) => this.onLost(connection, reason),
      },
      this.place,
    );
    this.connection = connection;
    connection.start();
  }

  private onReady(connection: ParentConnection): void {
    if (this.connection !== connection || this.ready) return;
    this.ready = true;
    this.connectedAtMs = this.deps.clock.nowMs();
    this.deps.logger.info({ parent: this.candidate.url, rank: this.place.rank }, "parent connected");
  }

  /**
   * A record that leads to another node would count that node twice, and its rank would be somebody else's. A node
   * that was started again is another one until the registry knows it.
   */
  private onOriginId(connection: ParentConnection, originId: number): void {
    if (this.connection !== connection || originId === this.candidate.id) return;
    this.mistaken = true;
    this.deps.counters.parentsMistaken += 1;
    const { url, id } = this.candidate;
    if (this.failures === 0) this.deps.logger.info({ parent: url, id, originId }, "parent is another node");
    connection.lose("refused");
  }

  /**
   * The tracks move to other parents while this one goes on delivering. Where it would send its children is of no
   * interest: the directory knows who is there.
   */
  private onGoaway(connection: ParentConnection): void {
    if (this.connection !== connection || this.saidGoodbye) return;
    this.saidGoodbye = true;
    this.leavingSinceMs = this.deps.clock.nowMs();
    this.place.rank = LEAVING_RANK;
    this.countSwitch("goaway");
    this.owner.onGoodbye();
  }

  private onLost(connection: ParentConnection, reason: ParentSwitchReason): void {
    if (this.connection !== connection || this.closed) return;
    const nowMs = this.deps.clock.nowMs();
    const isNews = this.ready || this.failures === 0;
    if (this.ready && nowMs - this.connectedAtMs >= SOUND_AFTER_MS) this.failures = 0;
    // One that said good-bye was counted then.
    if (!this.saidGoodbye) this.countSwitch(this.ready ? reason : "refused");
    this.connection = undefined;
    this.ready = false;
    // Whoever comes back at this address is a new process.
    this.saidGoodbye = false;
    this.leavingSinceMs = undefined;
    this.place.rank = this.candidate.rank;
    this.failures += 1;
    this.retryAtMs = nowMs + this.retryDelayMs();
    if (isNews) this.owner.onLost();
  }

  private retryDelayMs(): number {
    const random = this.deps.random();
    if (this.mistaken) return backoffMs(this.failures - 1, random, MISTAKEN_BACKOFF);
    if (!this.owner.isAlone()) return backoffMs(this.failures - 1, random, CALM_BACKOFF);
    return this.failures === 1 ? 0 : backoffMs(this.failures - 2, random, ALONE_BACKOFF);
  }

  private countSwitch(reason: ParentSwitchReason): void {
    this.deps.counters.parentSwitches[reason] += 1;
    // Attempts may fail many times a minute in an outage; the loss itself is told once.
    if (reason !== "refused") this.deps.logger.warn({ reason, parent: this.candidate.url }, "leaving parent");
  }

  /** Without `linger` the broadcasts that only this parent has end at once. Idempotent. */
  close(reason: string, code: ErrorCode = ERROR_CODES.cancel, linger = true): void {
    if (this.closed) return;
    this.closed = true;
    this.ready = false;
    this.retryAtMs = undefined;
    this.connection?.close(code, reason, { linger });
    this.connection = undefined;
  }
}
