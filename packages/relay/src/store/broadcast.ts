import { ERROR_CODES, type ErrorCode, type SubscribeOptions, type TrackInfo } from "@canopy/protocol";
import { RelayError } from "../relay-error.ts";
import type { Route, TrackFeed } from "./route.ts";
import type { StoreContext } from "./store-context.ts";
import { type OpenFeed, Track } from "./track.ts";

/** A track that is made at this node while somebody follows it. */
interface Offer {
  readonly info: TrackInfo;
  readonly open: OpenFeed;
}

/**
 * A broadcast is announced as soon as its publisher is let in, and viewers who come at once ask for tracks that he
 * has not described yet. For this long after the beginning they wait for them; afterwards a name that is not there is
 * refused at once. Well below what the other side waits for an answer (10 s).
 */
const BEGINNING_MS = 5_000;
/** Tracks of one broadcast that may be waited for. */
const MAX_EXPECTED_TRACKS = 16;

/** How a broadcast tells its store that the publisher at this node is gone. */
export interface BroadcastOwner {
  removeRoute(route: Route, options: { readonly linger: boolean }): void;
}

/** One incarnation of a path: its tracks, and the route by which they come. */
export class Broadcast {
  readonly path: string;
  closed = false;
  /** The best of the path's routes; changes without an end of the broadcast when a parent is replaced. */
  route: Route;
  /** All known routes of the path; kept by the store. */
  readonly routes: Route[];
  readonly tracks = new Map<string, Track>();
  /** Asked for before the publisher at this node has made them: without info, among `tracks`. */
  private readonly expected = new Set<Track>();
  private readonly beginsUntilMs: number;
  private readonly offers = new Map<string, Offer>();
  private readonly owner: BroadcastOwner;
  private readonly context: StoreContext;
  private readonly openFeed = (track: Track, demand: SubscribeOptions): TrackFeed | undefined => {
    const { route } = this;
    return route.lingerUntilMs === 0 ? route.source?.openTrack(this.path, track, demand) : undefined;
  };

  constructor(route: Route, routes: Route[], owner: BroadcastOwner, context: StoreContext) {
    this.path = route.path;
    this.route = route;
    this.routes = routes;
    this.owner = owner;
    this.context = context;
    this.beginsUntilMs = context.clock.nowMs() + BEGINNING_MS;
  }

  /** Hop ids of the current route, origin first, without this node. */
  get hops(): readonly number[] {
    return this.route.hops;
  }

  /** True while the publisher or parent is lost and may come back. */
  get lingering(): boolean {
    return this.route.lingerUntilMs !== 0;
  }

  /** True while any track is being asked from a source. */
  get flowing(): boolean {
    for (const track of this.tracks.values()) if (track.feed !== undefined && !track.offered) return true;
    return false;
  }

  track(name: string): Track | undefined {
    return this.tracks.get(name);
  }

  /**
   * Adds a track that a publisher at this node fills. If a publisher came back while the broadcast lingered,
   * its track of the same name and timescale goes on; whoever has waited for it is told of the info.
   * Throws `RelayError` (broadcast_closed, limit_reached).
   */
  createTrack(name: string, info: TrackInfo): Track {
    const existing = this.tracks.get(name);
    if (existing !== undefined) {
      if (this.expected.delete(existing)) existing.setInfo(info);
      if (!existing.closed && !existing.pulled && existing.info?.timescale === info.timescale)
        return existing;
      existing.close();
      this.tracks.delete(name);
    }
    return this.addTrack(name, info, undefined);
  }

  /**
   * A track that is made at this node, but only while somebody follows it: `open` is called for the first
   * subscriber, and the feed is closed the store's keep time after the last one left. It stands beside the tracks of
   * the publisher and does not move with his route.
   */
  offerTrack(name: string, info: TrackInfo, open: OpenFeed): void {
    const expected = this.tracks.get(name);
    // Whoever asked before there was an offer asks again, and then opens the feed.
    if (expected !== undefined && this.expected.delete(expected)) {
      expected.close(ERROR_CODES.notFound);
      this.tracks.delete(name);
    }
    this.offers.set(name, { info, open });
  }

  /** The offer is over; whoever follows the track is told that it is closed. */
  withdrawOffer(name: string, code?: ErrorCode): void {
    if (!this.offers.delete(name)) return;
    const track = this.tracks.get(name);
    if (track?.offered === true) track.close(code);
  }

  /**
   * The track of that name; if tracks come on demand, it is created and asked from the source once somebody
   * follows it. Undefined if the publisher at this node has no such track, and is not just beginning.
   * Throws `RelayError`.
   */
  request(name: string): Track | undefined {
    const existing = this.tracks.get(name);
    if (existing !== undefined && !existing.closed) return existing;
    if (this.closed) return undefined;
    const offer = this.offers.get(name);
    if (offer !== undefined) return this.addTrack(name, offer.info, offer.open, true);
    return this.route.source === undefined
      ? this.expect(name)
      : this.addTrack(name, undefined, this.openFeed);
  }

  private expect(name: string): Track | undefined {
    const isOver = this.context.clock.nowMs() >= this.beginsUntilMs;
    if (isOver || this.lingering || this.expected.size >= MAX_EXPECTED_TRACKS) return undefined;
    const track = this.addTrack(name, undefined, undefined);
    this.expected.add(track);
    return track;
  }

  private addTrack(
    name: string,
    info: TrackInfo | undefined,
    openFeed: OpenFeed | undefined,
    offered = false,
  ): Track {
    const { limits, counters } = this.context;
    if (this.closed) throw new RelayError("broadcast_closed", this.path);
    const tooLong = Buffer.byteLength(name) > limits.maxTrackNameBytes;
    // What viewers only ask for must not keep the publisher from his own tracks.
    const size = info === undefined ? this.tracks.size : this.tracks.size - this.expected.size;
    if (tooLong || size >= limits.maxTracksPerBroadcast) {
      counters.limitRefusals += 1;
      throw new RelayError("limit_reached", tooLong ? "maxTrackNameBytes" : "maxTracksPerBroadcast");
    }
    const track = new Track(name, info, openFeed, this.context, offered);
    this.tracks.set(name, track);
    return track;
  }

  /** The publisher at this node is done. Other routes of the path take over, if there are any. */
  end(): void {
    this.removeLocalRoute(false);
  }

  /** The publisher at this node was lost abruptly and may come back: the broadcast goes on for the linger time. */
  lost(): void {
    this.removeLocalRoute(true);
  }

  private removeLocalRoute(linger: boolean): void {
    const local = this.routes.find((route) => route.source === undefined);
    if (!this.closed && local !== undefined) this.owner.removeRoute(local, { linger });
  }

  // ------------------------------------------------------------ for the store

  /** Another route of the same incarnation: feeds move, subscribers notice nothing. */
  switchRoute(route: Route): void {
    const previous = this.route;
    this.route = route;
    // The same session by other hops, and it was not lost in between: what is flowing goes on flowing.
    if (route.source === previous.source && previous.lingerUntilMs === 0) return;
    const areBothLive = previous.lingerUntilMs === 0 && route.lingerUntilMs === 0;
    const isBetweenParents = previous.parent !== undefined && route.parent !== undefined;
    for (const track of this.tracks.values()) {
      if (!track.pulled || track.offered) continue;
      if (areBothLive && isBetweenParents) track.handOver();
      else track.switchFeed();
    }
  }

  /** The current route's session is gone; feeds come back with another route. */
  sourceLost(): void {
    for (const track of this.tracks.values()) {
      if (track.offered) continue;
      if (track.pulled) track.dropFeed();
      else track.latest?.finish();
    }
  }

  close(code?: ErrorCode): void {
    if (this.closed) return;
    this.closed = true;
    this.expected.clear();
    this.offers.clear();
    for (const track of this.tracks.values()) track.close(code);
  }

  tick(nowMs: number, keepMs: number): void {
    if (this.expected.size > 0 && nowMs >= this.beginsUntilMs) {
      for (const track of this.expected) track.close(ERROR_CODES.notFound);
      this.expected.clear();
    }
    for (const [name, track] of this.tracks) {
      if (!track.tick(nowMs, keepMs)) continue;
      track.close(ERROR_CODES.cancel);
      this.tracks.delete(name);
    }
  }
}
