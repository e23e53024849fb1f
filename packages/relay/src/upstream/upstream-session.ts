import type {
  AnnounceListener,
  AnnounceRequest,
  ErrorCode,
  SubscribeOptions,
  Subscription,
  WireFrame,
} from "@canopy/protocol";
import { type Clock, isUnder, joinPaths, type Logger, normalizeScopePath } from "@canopy/runtime";
import type { MoqConnection } from "../peer/moq-connection.ts";
import { RelayError } from "../relay-error.ts";
import type { Route, RouteParent, RouteSource, TrackFeed } from "../store/route.ts";
import type { Store } from "../store/store.ts";
import type { Track } from "../store/track.ts";
import { UpstreamFeed } from "./feed-track.ts";
import type { UpstreamCounters } from "./upstream-counters.ts";

export interface UpstreamSessionOptions {
  /** Path that the peer's names are relative to on this node. */
  readonly root: string;
  /** Prefixes relative to `root` below which broadcasts are taken. */
  readonly prefixes: readonly string[];
  /** This node's hop id. */
  readonly originId: number;
  /** Identity of the session, as in `Route.via`. */
  readonly via: object;
  /** Of a node that has several parents. */
  readonly parent?: RouteParent | undefined;
  /**
   * The peer is a publisher, not a node: its broadcasts begin at this node, so that its coming back (with another
   * random hop id and counting groups from 0) is a continuation for everybody downstream.
   */
  readonly publisher: boolean;
}

export interface UpstreamSessionDeps {
  readonly moq: Pick<MoqConnection, "announcements" | "subscribe">;
  readonly store: Store;
  readonly counters: UpstreamCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The peer has told all broadcasts that it had at the start. */
  readonly onReady?: () => void;
}

/** Takes broadcasts from one peer, a parent or a publisher, into the store: the subscriber's side of the protocol. */
export class UpstreamSession implements RouteSource {
  /** True once the peer has announced anything. */
  active = false;
  private readonly options: UpstreamSessionOptions;
  private readonly deps: UpstreamSessionDeps;
  private readonly requests: AnnounceRequest[] = [];
  private readonly routes = new Map<string, Route>();
  private readonly feeds = new Set<UpstreamFeed>();
  private waitingFor = 0;
  private closed = false;

  constructor(options: UpstreamSessionOptions, deps: UpstreamSessionDeps) {
    this.options = options;
    this.deps = deps;
  }

  get routeCount(): number {
    return this.routes.size;
  }

  get subscriptionCount(): number {
    return this.feeds.size;
  }

  /** Asks for the announcements below all prefixes. */
  start(): void {
    this.waitingFor = this.options.prefixes.length;
    for (const prefix of this.options.prefixes) {
      const listener = this.listen(normalizeScopePath(prefix));
      this.requests.push(this.deps.moq.announcements(prefix, this.options.originId, listener));
    }
  }

  private listen(prefix: string): AnnounceListener {
    let ready = false;
    const settle = (): void => {
      if (ready) return;
      ready = true;
      this.waitingFor -= 1;
      if (this.waitingFor === 0 && !this.closed) this.deps.onReady?.();
    };
    return {
      onActive: (path, hops) => this.add(prefix, path, hops),
      onReplaced: (path, hops, restarted) => this.replace(prefix, path, hops, restarted),
      onEnded: (path) => this.remove(path),
      onReady: settle,
      onClosed: (code: ErrorCode | undefined) => {
        this.deps.logger.debug({ code }, "the peer ended its announcements");
        settle();
      },
    };
  }

  // ------------------------------------------------------------ announcements

  private add(prefix: string, rawPath: string, hops: readonly number[]): void {
    if (this.closed) return;
    this.active = true;
    const path = normalizeScopePath(rawPath);
    // A peer that announces outside of what was asked for would publish where it may not.
    if (!isUnder(path, prefix)) {
      this.refused(path);
      return;
    }
    if (this.routes.has(path)) {
      this.replace(prefix, path, hops, false);
      return;
    }
    try {
      const route = this.deps.store.addRoute(joinPaths(this.options.root, path), this.routeOptions(hops));
      if (route !== undefined) this.routes.set(path, route);
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.refused(path);
    }
  }

  private replace(prefix: string, rawPath: string, hops: readonly number[], restarted: boolean): void {
    if (this.closed) return;
    const path = normalizeScopePath(rawPath);
    const old = this.routes.get(path);
    if (old === undefined || (restarted && !this.options.publisher)) {
      this.remove(path);
      this.add(prefix, path, hops);
      return;
    }
    this.routes.delete(path);
    const route = this.deps.store.replaceRoute(old, this.routeOptions(hops));
    if (route !== undefined) this.routes.set(path, route);
  }

  private remove(rawPath: string): void {
    const path = normalizeScopePath(rawPath);
    const route = this.routes.get(path);
    if (route === undefined || this.closed) return;
    this.routes.delete(path);
    this.deps.store.removeRoute(route, { linger: false });
  }

  private routeOptions(hops: readonly number[]): {
    readonly hops: readonly number[];
    readonly source: RouteSource;
    readonly via: object;
    readonly parent: RouteParent | undefined;
  } {
    // A publisher's own id must not keep the chain from being the same when he returns; a loop shows all the same.
    const looped = hops.includes(this.options.originId);
    const chain = this.options.publisher && !looped ? [] : hops;
    return { hops: chain, source: this, via: this.options.via, parent: this.options.parent };
  }

  private refused(path: string): void {
    this.deps.counters.routesRefused += 1;
    this.deps.logger.debug({ path }, "announcement refused");
  }

  // ------------------------------------------------------------ tracks

  openTrack(fullPath: string, track: Track, demand: SubscribeOptions): TrackFeed {
    const { root, publisher } = this.options;
    const path = root === "" ? fullPath : fullPath.slice(root.length + 1);
    const feed = new UpstreamFeed(track, {
      renumber: publisher,
      nowMs: () => this.deps.clock.nowMs(),
      counters: this.deps.counters,
      onOver: (over) => this.feeds.delete(over),
    });
    this.feeds.add(feed);
    const options = publisher ? { ...demand, startGroup: undefined } : demand;
    feed.subscription = this.deps.moq.subscribe(path, track.name, options, feed);
    return feed;
  }

  /** A group that came as a datagram. */
  onDatagramFrame(subscription: Subscription, sequence: number, frame: WireFrame): void {
    for (const feed of this.feeds) {
      if (feed.subscription === subscription) feed.onDatagram(sequence, frame);
    }
  }

  // ------------------------------------------------------------ end

  /**
   * Lets go of all routes and subscriptions. `linger`: the peer was lost and may come back; without it the peer is
   * left on purpose, or ended by itself. To be called before the protocol session is told. Idempotent.
   */
  close(options: { readonly linger: boolean }): void {
    if (this.closed) return;
    this.closed = true;
    for (const route of this.routes.values()) this.deps.store.removeRoute(route, options);
    this.routes.clear();
    for (const feed of [...this.feeds]) feed.close();
    for (const request of this.requests) request.close();
    this.requests.length = 0;
  }
}
