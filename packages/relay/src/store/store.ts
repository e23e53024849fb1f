import { ERROR_CODES } from "@canopy/protocol";
import { type Clock, createClock, normalizeScopePath } from "@canopy/runtime";
import { RelayError } from "../relay-error.ts";
import { Broadcast } from "./broadcast.ts";
import { candidateRoutes, chooseRoute, equalRoutes, sameIncarnation, sameWay } from "./choose-route.ts";
import { FlushQueue, type ScheduleFlush } from "./flush-queue.ts";
import type { Route, RouteParent, RouteSource } from "./route.ts";
import type { StoreContext } from "./store-context.ts";
import { DEFAULT_STORE_LIMITS, StoreCounters, type StoreLimits } from "./store-limits.ts";
import type { Track } from "./track.ts";
import { type BroadcastWatcher, BroadcastWatchers } from "./watch-broadcasts.ts";

export interface StoreOptions {
  /** This node's hop id; routes whose chain holds it are dropped. 0 = none. */
  readonly originId?: number;
  /** How long a route that was lost abruptly is kept, ms. Default 5,000. */
  readonly lingerMs?: number;
  /** How long a track is still asked from its source after the last subscriber left, ms. Default 5,000. */
  readonly keepTrackMs?: number;
  readonly limits?: Partial<StoreLimits>;
}

export interface StoreDeps {
  readonly clock?: Clock;
  /** When subscribers are told of news. Default: `setImmediate`, after the packets of this turn were read. */
  readonly schedule?: ScheduleFlush;
}

export interface PublishOptions {
  /** Hop ids, origin first, without this node. Default: published here. */
  readonly hops?: readonly number[];
  /** Where tracks are asked for on demand; without it the publisher pushes with `createTrack`. */
  readonly source?: RouteSource;
  /** The session it comes from, by identity. */
  readonly via?: object;
  /** The parent it comes from, where there are several. */
  readonly parent?: RouteParent | undefined;
}

/** Decides from which of several equally good parents a broadcast is taken. */
export interface RoutePlacement {
  /** `equals` holds one route at least, all with a parent. `inUse`: tracks are flowing by the present one. */
  choose(path: string, equals: readonly Route[], inUse: boolean): Route | undefined;
  /** The path has no route by a parent any more. */
  forget(path: string): void;
}

/** The groups evicted at once when the cache is full leave this share of it free. */
const CACHE_HEADROOM = 0.05;
/** A route and its subscribers' tracks survive this long without their source by default. */
const DEFAULT_LINGER_MS = 5_000;
const DEFAULT_KEEP_TRACK_MS = 5_000;

/** All broadcasts of a node: the only place where its upstream and downstream sides meet. */
export class Store implements StoreContext, Iterable<Broadcast> {
  readonly clock: Clock;
  readonly limits: StoreLimits;
  readonly counters = new StoreCounters();
  readonly flushQueue: FlushQueue;
  /** Measuring hook: a track's observers have been told of new frames. */
  onTrackNotified: ((track: Track, nowMs: number) => void) | undefined;
  /** An observer has thrown, and is let go of: others go on. Without it the error is thrown out of the flush. */
  onObserverFailed: ((track: Track, error: unknown) => void) | undefined;
  /** Set by a node with several parents; without it equals are decided by their hash. */
  placement: RoutePlacement | undefined;

  private readonly originId: number;
  private readonly lingerMs: number;
  private readonly keepTrackMs: number;
  private readonly broadcasts = new Map<string, Broadcast>();
  private readonly watchers = new BroadcastWatchers();
  private readonly closing = new Set<Broadcast>();
  private bytes = 0;
  private evicting: Iterator<Broadcast> | undefined;

  constructor(options: StoreOptions = {}, deps: StoreDeps = {}) {
    this.originId = options.originId ?? 0;
    this.lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
    this.keepTrackMs = options.keepTrackMs ?? DEFAULT_KEEP_TRACK_MS;
    this.limits = { ...DEFAULT_STORE_LIMITS, ...options.limits };
    this.clock = deps.clock ?? createClock();
    const { clock } = this;
    this.flushQueue = new FlushQueue(deps.schedule ?? setImmediate, () => clock.nowMs());
  }

  /** Bytes of all cached frames. */
  get cacheBytes(): number {
    return this.bytes;
  }

  get size(): number {
    return this.broadcasts.size;
  }

  get watcherCount(): number {
    return this.watchers.size;
  }

  [Symbol.iterator](): Iterator<Broadcast> {
    return this.broadcasts.values();
  }

  get(path: string): Broadcast | undefined {
    return this.broadcasts.get(path);
  }

  /**
   * A publisher at this node. Throws `RelayError`: broadcast_exists while another one publishes the path,
   * invalid_path, limit_reached. A broadcast that lingers after its publisher was lost is continued.
   */
  publish(path: string, options: PublishOptions = {}): Broadcast {
    const existing = this.broadcasts.get(normalizeScopePath(path));
    if (existing !== undefined && options.source === undefined) {
      const taken = existing.routes.some((route) => route.source === undefined && route.lingerUntilMs === 0);
      if (taken) throw new RelayError("broadcast_exists", path);
    }
    const route = this.addRoute(path, options);
    const broadcast = route === undefined ? undefined : this.broadcasts.get(route.path);
    if (broadcast === undefined) throw new RelayError("invalid_path", path);
    return broadcast;
  }

  /**
   * One more way to a broadcast. Returns undefined if the chain of hops goes through this node already.
   * Throws `RelayError` (invalid_path, limit_reached).
   */
  addRoute(rawPath: string, options: PublishOptions): Route | undefined {
    const path = this.checkPath(rawPath);
    const hops = options.hops ?? [];
    if (this.originId !== 0 && hops.includes(this.originId)) {
      this.counters.routesLooped += 1;
      return undefined;
    }
    if (hops.length > this.limits.maxHops) this.refuse("maxHops");
    const route = createRoute(path, hops, options);
    const broadcast = this.broadcasts.get(path);
    if (broadcast === undefined) {
      if (this.broadcasts.size >= this.limits.maxBroadcasts) this.refuse("maxBroadcasts");
      this.place([route], false);
      this.activate(route, [route]);
      return route;
    }
    const { routes } = broadcast;
    // A live route is what the lingering ones were waiting for.
    for (let index = routes.length - 1; index >= 0; index -= 1) {
      if (routes[index]?.lingerUntilMs !== 0) routes.splice(index, 1);
    }
    if (routes.length >= this.limits.maxRoutesPerBroadcast) this.refuse("maxRoutesPerBroadcast");
    routes.push(route);
    this.reselect(broadcast);
    return route;
  }

  /** The route's session withdrew it, or (`linger`) was lost and may come back. Idempotent. */
  removeRoute(route: Route, options: { readonly linger: boolean }): void {
    const broadcast = this.broadcasts.get(route.path);
    const index = broadcast === undefined ? -1 : broadcast.routes.indexOf(route);
    if (broadcast === undefined || index < 0) return;
    if (options.linger && this.lingerMs > 0) {
      if (route.lingerUntilMs === 0) route.lingerUntilMs = this.clock.nowMs() + this.lingerMs;
      if (broadcast.route === route) broadcast.sourceLost();
    } else {
      broadcast.routes.splice(index, 1);
    }
    this.reselect(broadcast);
  }

  /** Replaces a route's chain of hops in one step (a re-route announced by the peer). */
  replaceRoute(old: Route, options: PublishOptions): Route | undefined {
    const broadcast = this.broadcasts.get(old.path);
    const index = broadcast === undefined ? -1 : broadcast.routes.indexOf(old);
    if (broadcast === undefined || index < 0) return this.addRoute(old.path, options);
    const hops = options.hops ?? [];
    if (hops.length > this.limits.maxHops || (this.originId !== 0 && hops.includes(this.originId))) {
      this.counters.routesLooped += 1;
      this.removeRoute(old, { linger: false });
      return undefined;
    }
    const route = createRoute(old.path, hops, options);
    broadcast.routes[index] = route;
    this.reselect(broadcast);
    return route;
  }

  /** Calls `onActive` at once for what is there. Returns the function that ends the watching. */
  watch(prefix: string, watcher: BroadcastWatcher): () => void {
    return this.watchers.add(normalizeScopePath(prefix), watcher, [...this.broadcasts.values()]);
  }

  private activate(route: Route, routes: Route[]): void {
    const broadcast = new Broadcast(route, routes, this, this);
    this.broadcasts.set(broadcast.path, broadcast);
    this.watchers.active(broadcast);
  }

  /** A parent's rank or a broadcast's placement has changed. Without a path: of any broadcast. */
  reconsider(path?: string): void {
    if (path === undefined) {
      for (const broadcast of [...this.broadcasts.values()]) this.reselect(broadcast);
      return;
    }
    const broadcast = this.broadcasts.get(path);
    if (broadcast !== undefined) this.reselect(broadcast);
  }

  /** The best route, by the placement where several parents are equally good. */
  private place(routes: readonly Route[], inUse: boolean): Route | undefined {
    const best = chooseRoute(routes);
    const { placement } = this;
    if (best?.parent === undefined || placement === undefined || best.lingerUntilMs !== 0) return best;
    return placement.choose(best.path, equalRoutes(routes, best), inUse) ?? best;
  }

  private reselect(broadcast: Broadcast): void {
    const current = broadcast.route;
    const best = this.place(candidateRoutes(broadcast.routes, current), broadcast.flowing);
    if (best === undefined) this.placement?.forget(broadcast.path);
    if (best === current) return;
    if (best !== undefined && sameIncarnation(best, current)) {
      broadcast.switchRoute(best);
      if (!sameWay(best, current)) this.watchers.rerouted(broadcast);
      return;
    }
    this.broadcasts.delete(broadcast.path);
    broadcast.close();
    // Its tracks still tell their subscribers; `tick` forgets it afterwards.
    this.closing.add(broadcast);
    this.watchers.ended(broadcast);
    if (best !== undefined) this.activate(best, broadcast.routes);
  }

  private checkPath(rawPath: string): string {
    const path = normalizeScopePath(rawPath);
    const { limits } = this;
    if (path === "") throw new RelayError("invalid_path", rawPath);
    if (Buffer.byteLength(path) > limits.maxPathBytes) this.refuse("maxPathBytes");
    if (path.split("/").length > limits.maxPathSegments) this.refuse("maxPathSegments");
    return path;
  }

  private refuse(limit: keyof StoreLimits): never {
    this.counters.limitRefusals += 1;
    throw new RelayError("limit_reached", limit);
  }

  // ------------------------------------------------------------ housekeeping

  /** To be called some times a second by the owner's one timer. */
  tick(nowMs: number): void {
    for (const broadcast of [...this.broadcasts.values()]) {
      const { routes } = broadcast;
      const before = routes.length;
      for (let index = before - 1; index >= 0; index -= 1) {
        const until = routes[index]?.lingerUntilMs ?? 0;
        if (until !== 0 && nowMs >= until) routes.splice(index, 1);
      }
      if (routes.length < before) this.reselect(broadcast);
      broadcast.tick(nowMs, this.keepTrackMs);
    }
    for (const broadcast of this.closing) {
      broadcast.tick(nowMs, this.keepTrackMs);
      if (broadcast.tracks.size === 0) this.closing.delete(broadcast);
    }
  }

  /** Tells subscribers now instead of with the scheduled flush. */
  flush(): void {
    this.flushQueue.flush();
  }

  /** Ends all broadcasts and tells everybody. Idempotent. */
  close(): void {
    for (const broadcast of [...this.broadcasts.values()]) {
      broadcast.routes.length = 0;
      this.reselect(broadcast);
    }
    this.flushQueue.flush();
    this.closing.clear();
  }

  addCacheBytes(bytes: number): void {
    this.bytes += bytes;
  }

  makeRoom(bytes: number): boolean {
    const { maxCacheBytes } = this.limits;
    if (this.bytes + bytes <= maxCacheBytes) return true;
    const target = maxCacheBytes * (1 - CACHE_HEADROOM) - bytes;
    // Broadcasts take turns in giving up their oldest groups, going on where the last eviction stopped.
    let fruitless = 0;
    while (this.bytes > target && fruitless <= this.broadcasts.size) {
      this.evicting ??= this.broadcasts.values();
      const next = this.evicting.next();
      if (next.done === true) {
        this.evicting = undefined;
        fruitless += 1;
        continue;
      }
      let evicted = false;
      for (const track of next.value.tracks.values()) {
        if (track.evictOldest(ERROR_CODES.evicted)) evicted = true;
      }
      fruitless = evicted ? 0 : fruitless + 1;
    }
    return this.bytes + bytes <= maxCacheBytes;
  }

  onNotified(track: Track, nowMs: number): void {
    this.onTrackNotified?.(track, nowMs);
  }

  observerFailed(track: Track, error: unknown): void {
    if (this.onObserverFailed === undefined) throw error;
    this.onObserverFailed(track, error);
  }
}

function createRoute(path: string, hops: readonly number[], options: PublishOptions): Route {
  const { source, via, parent } = options;
  return { path, hops, source, via, parent, lingerUntilMs: 0 };
}
