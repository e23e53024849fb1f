import { ERROR_CODES } from "@canopy/protocol";
import { backoffMs, type Clock, type Logger } from "@canopy/runtime";
import type { Session } from "@canopy/transport";
import type { CreateMoqConnection } from "../peer/moq-connection.ts";
import type { Store } from "../store/store.ts";
import type { Parent, ParentChooser } from "../tree/choose-parent.ts";
import { isSameNode, readGoawayTarget } from "../tree/goaway-target.ts";
import { ParentConnection } from "./parent-connection.ts";
import type { ParentSwitchReason, UpstreamCounters } from "./upstream-counters.ts";

/** Opens a transport session to a parent; resolves when it is established. Rejects when `signal` aborts. */
export type ConnectParent = (parent: Parent, signal: AbortSignal) => Promise<Session>;

export interface ParentLinkOptions {
  readonly originId: number;
  /** A parent that sends nothing for this long although it is pinged is given up. */
  readonly silentMs: number;
  /** How often the parent is pinged and looked at; `tick` has to be called that often. */
  readonly intervalMs: number;
  /** An attempt that takes longer, until the parent has told its broadcasts, has failed. */
  readonly connectTimeoutMs: number;
  /** A url that failed is avoided for this long, if there is another. */
  readonly avoidMs: number;
}

export const DEFAULT_PARENT_LINK: Omit<ParentLinkOptions, "originId"> = {
  silentMs: 500,
  intervalMs: 100,
  connectTimeoutMs: 5_000,
  avoidMs: 10_000,
};

export interface ParentLinkDeps {
  readonly chooser: ParentChooser;
  readonly connect: ConnectParent;
  readonly createMoq: CreateMoqConnection;
  readonly store: Store;
  readonly counters: UpstreamCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  /** In [0, 1); spreads the retries of many children. */
  readonly random: () => number;
  /** A session that `connect` gave is over. */
  readonly onSessionClosed?: (session: Session) => void;
}

/** Retries double from 100 ms to 3 s: within the linger time of the routes at first, gentle in a long outage. */
const BACKOFF = { baseMs: 100, capMs: 3_000 };
/** A parent that crashed is back within a few seconds: for that long viewers wait for no more than a short pause. */
const URGENT_FOR_MS = 5_000;
const URGENT_CAP_MS = 200;
/** How often it is asked whether there is a better parent than the one in use. */
const BETTER_INTERVAL_MS = 1_000;
/** A parent that lets children in and loses them sooner counts as one that refuses: it is not dialled in a loop. */
const SOUND_AFTER_MS = 1_000;

/**
 * Keeps this node connected to one parent. Children and viewers notice nothing of a change: routes linger in the
 * store meanwhile, and tracks are asked from the next parent at the group that is needed next.
 */
export class ParentLink {
  private readonly options: ParentLinkOptions;
  private readonly deps: ParentLinkDeps;
  private current: ParentConnection | undefined;
  /** The one that will replace `current`, or the first one, until it has told its broadcasts. */
  private next: ParentConnection | undefined;
  /** Failed or leaving, with the time until which they are avoided. */
  private readonly avoid = new Map<string, number>();
  /** Attempts in a row that did not lead to a sound connection. */
  private failures = 0;
  private connectedAtMs = 0;
  /** Since when there is no parent, after a sound one. */
  private orphanedAtMs = Number.NEGATIVE_INFINITY;
  /** Earliest time of the next attempt; undefined = none is due. */
  private retryAtMs: number | undefined;
  /** Where the current parent sends its children, or one that is better than it. */
  private redirectTo: Parent | undefined;
  private betterAtMs = 0;
  /** `next` has told what it had at the start. */
  private isNextReady = false;
  private closed = false;

  constructor(options: ParentLinkOptions, deps: ParentLinkDeps) {
    this.options = options;
    this.deps = deps;
  }

  /** Url of the parent in use. */
  get parentUrl(): string | undefined {
    return this.current?.parent.url;
  }

  get connected(): boolean {
    return this.current !== undefined;
  }

  get connectedCount(): number {
    return Number(this.connected);
  }

  /** Sessions and attempts that are open; 0 after `close`. */
  get openCount(): number {
    return Number(this.current !== undefined) + Number(this.next !== undefined);
  }

  stats(): { readonly url: string; readonly rttMs: number } | undefined {
    const { current } = this;
    return current === undefined ? undefined : { url: current.parent.url, rttMs: current.rttMs };
  }

  get session(): Session | undefined {
    return this.current?.session;
  }

  start(): void {
    this.retryAtMs = this.deps.clock.nowMs();
    this.tick(this.retryAtMs);
  }

  /** To be called every `intervalMs`. */
  tick(nowMs: number): void {
    if (this.closed) return;
    for (const [url, until] of this.avoid) if (nowMs >= until) this.avoid.delete(url);
    if (this.current?.isSilent(nowMs)) this.current.lose("silent");
    if (this.next !== undefined && nowMs - this.next.startedAtMs > this.options.connectTimeoutMs) {
      this.next.lose("refused");
    } else if (this.next?.isSilent(nowMs)) this.next.lose("silent");
    if (this.next !== undefined && this.isNextReady) this.promote(this.next);
    if (nowMs >= this.betterAtMs) this.lookForBetter(nowMs);
    if (this.next === undefined && this.retryAtMs !== undefined && nowMs >= this.retryAtMs) this.dial(nowMs);
  }

  private lookForBetter(nowMs: number): void {
    this.betterAtMs = nowMs + BETTER_INTERVAL_MS;
    const { current, next, retryAtMs } = this;
    if (current === undefined || current.leaving || next !== undefined || retryAtMs !== undefined) return;
    const better = this.deps.chooser.better?.(current.parent.url, new Set(this.avoid.keys()));
    if (better === undefined) return;
    this.redirectTo = better;
    this.retryAtMs = nowMs;
  }

  private dial(nowMs: number): void {
    const redirected = this.redirectTo;
    this.redirectTo = undefined;
    const parent = redirected ?? this.choose();
    if (parent === undefined) {
      this.retryLater(nowMs);
      return;
    }
    this.retryAtMs = undefined;
    const { options, deps } = this;
    const connection = new ParentConnection(parent, options, deps, {
      onReady: () => this.promote(connection),
      onGoaway: (uri) => this.handOver(connection, uri),
      onLost: (reason) => this.lost(connection, reason),
    });
    this.next = connection;
    this.isNextReady = false;
    connection.start();
  }

  private choose(): Parent | undefined {
    const avoided = new Set(this.avoid.keys());
    return this.deps.chooser.choose(avoided);
  }

  /** The new parent has told its broadcasts: it takes over, and only then the old one is left. */
  private promote(connection: ParentConnection): void {
    if (this.next !== connection) return;
    const { current } = this;
    this.isNextReady = true;
    // Nobody is left who delivers, for one that was started just now and knows little yet.
    if (current !== undefined && !current.leaving && connection.routeCount < current.routeCount) return;
    this.next = undefined;
    this.current = connection;
    this.connectedAtMs = this.deps.clock.nowMs();
    this.avoid.delete(connection.parent.url);
    this.deps.logger.info({ parent: connection.parent.url }, "parent connected");
    current?.leave();
  }

  /** GOAWAY: find the next parent while the old one goes on delivering. */
  private handOver(connection: ParentConnection, uri: string): void {
    if (connection !== this.current || this.closed) return;
    const nowMs = this.deps.clock.nowMs();
    this.forgetFailures(nowMs);
    this.countSwitch("goaway", connection.parent.url);
    this.avoidFor(connection.parent.url, nowMs);
    const url = this.readRedirect(uri, connection.parent.url);
    const { token } = connection.parent;
    // With the token that was good here, but not the pin: another node has another certificate.
    this.redirectTo = url === undefined ? undefined : { url, ...(token !== undefined && { token }) };
    if (this.next === undefined) this.retryAtMs = nowMs;
    this.tick(nowMs);
  }

  /** Where a parent sends this node, unless that is no place to go or one that was left just now. */
  private readRedirect(uri: string, from: string): string | undefined {
    const target = readGoawayTarget(uri, from);
    if (target.kind === "own-choice") return undefined;
    const why = target.kind === "refused" ? target.why : "left before";
    if (target.kind === "url") {
      const isAvoided = [...this.avoid.keys()].some((url) => isSameNode(url, target.url));
      if (!isAvoided) return target.url;
    }
    this.deps.counters.goawaysRefused += 1;
    this.deps.logger.warn({ why, parent: from }, "the parent's GOAWAY names no place to go to");
    return undefined;
  }

  private lost(connection: ParentConnection, reason: ParentSwitchReason): void {
    if (this.closed) return;
    const nowMs = this.deps.clock.nowMs();
    if (connection === this.current) {
      this.current = undefined;
      this.forgetFailures(nowMs);
      // A parent that said good-bye was counted then.
      if (!connection.leaving) this.countSwitch(reason, connection.parent.url);
    } else if (connection === this.next) {
      this.next = undefined;
      this.countSwitch("refused", connection.parent.url);
    } else return;
    this.avoidFor(connection.parent.url, nowMs);
    if (this.next !== undefined) return;
    // It was only looked whether a better one is there.
    if (this.current !== undefined && !this.current.leaving) return;
    const first = this.failures === 0;
    this.failures += 1;
    // The first attempt after a loss is made at once: every millisecond is one that viewers wait.
    if (first) this.dial(nowMs);
    else this.retryLater(nowMs);
  }

  private forgetFailures(nowMs: number): void {
    if (nowMs - this.connectedAtMs < SOUND_AFTER_MS) return;
    this.failures = 0;
    this.orphanedAtMs = nowMs;
  }

  /** The one that failed last stands last, so that a chooser without better ones takes the first again. */
  private avoidFor(url: string, nowMs: number): void {
    this.avoid.delete(url);
    this.avoid.set(url, nowMs + this.options.avoidMs);
  }

  private retryLater(nowMs: number): void {
    const isUrgent = nowMs - this.orphanedAtMs < URGENT_FOR_MS;
    const options = isUrgent ? { ...BACKOFF, capMs: URGENT_CAP_MS } : BACKOFF;
    this.retryAtMs = nowMs + backoffMs(Math.max(0, this.failures - 1), this.deps.random(), options);
  }

  private countSwitch(reason: ParentSwitchReason, url: string): void {
    this.deps.counters.parentSwitches[reason] += 1;
    // Attempts may fail many times a minute in an outage; the loss itself is told once.
    if (reason !== "refused") this.deps.logger.warn({ reason, parent: url }, "leaving parent");
  }

  /** Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.retryAtMs = undefined;
    this.next?.close(ERROR_CODES.cancel, "closing", { linger: false });
    this.current?.close(ERROR_CODES.cancel, "closing", { linger: false });
    this.next = undefined;
    this.current = undefined;
  }
}
