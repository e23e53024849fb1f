import type { SubscribeOptions } from "@canopy/protocol";
import type { Track } from "./track.ts";

/** One track being delivered by a source into a `Track`. */
export interface TrackFeed {
  /** The source numbers groups as this node does, so that it can be asked for earlier ones by their number. */
  readonly knowsNumbers?: boolean;
  /** Subscribers came or left: ask the source for this from now on. */
  update(demand: SubscribeOptions): void;
  /** Not wanted any more. The feed must not touch the track after this. */
  close(): void;
}

/** Where a broadcast's tracks can be had on demand: a parent or a publisher's session. */
export interface RouteSource {
  /** Starts delivering `track`; called at most once at a time for a track. */
  openTrack(path: string, track: Track, demand: SubscribeOptions): TrackFeed;
}

/** Whom a route leads through, where a node has several parents; shared by all routes of the link. */
export interface RouteParent {
  /** Hop id of the parent. */
  readonly id: number;
  /** The lower, the rather its routes are used. Whoever changes it calls `Store.reconsider`. */
  rank: number;
}

/** One way to a broadcast. A path may have several; the broadcast uses the best one (`chooseRoute`). */
export interface Route {
  readonly path: string;
  /** Hop ids, the broadcast's origin first, without this node; empty if it is published at this node. */
  readonly hops: readonly number[];
  /** Undefined: the publisher pushes into the broadcast by itself. */
  readonly source: RouteSource | undefined;
  /** The session it came from, by identity: it is never announced back to that one. */
  readonly via: object | undefined;
  /** Undefined: the one parent of a node that has one at a time, or a publisher. */
  readonly parent?: RouteParent | undefined;
  /** 0 while live; otherwise the time in ms at which a route that was lost abruptly is removed. */
  lingerUntilMs: number;
}
