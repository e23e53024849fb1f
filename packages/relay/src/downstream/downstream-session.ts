import {
  type AnnounceResponder,
  ERROR_CODES,
  type ErrorCode,
  type FetchResponder,
  type ProbeResponder,
  type SubscribeResponder,
  type TrackInfoResponder,
} from "@canopy/protocol";
import {
  type Clock,
  joinPaths,
  type Logger,
  mayGet,
  normalizeScopePath,
  type SessionScope,
} from "@canopy/runtime";
import { RelayError } from "../relay-error.ts";
import type { Broadcast } from "../store/broadcast.ts";
import type { Store } from "../store/store.ts";
import type { Track } from "../store/track.ts";
import type { DownstreamCounters } from "./downstream-counters.ts";
import type { DownstreamOptions } from "./downstream-options.ts";
import { ServedAnnouncements } from "./serve-announcements.ts";
import { ServedFetch } from "./serve-fetch.ts";
import { ServedSubscription, type SubscriptionOwner } from "./serve-subscription.ts";
import { ServedTrackInfo } from "./serve-track-info.ts";

export interface DownstreamSessionOptions extends DownstreamOptions {
  readonly scope: SessionScope;
  /** Identity of the session, as in `Route.via`. */
  readonly via: object;
  /** False on versions where repeating an active path is a violation (lite-04 and older). */
  readonly mayReplaceAnnouncements: () => boolean;
}

/** What the session's transport tells about its sending side. */
export interface SendRate {
  readonly sendRateBps: number;
  readonly rttMs: number;
}

export interface DownstreamSessionDeps {
  readonly store: Store;
  readonly counters: DownstreamCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sendRate: () => SendRate;
}

type TrackRequest = TrackInfoResponder | SubscribeResponder;

/** A probe is answered again when the estimate has moved by this share. */
const PROBE_CHANGE = 0.05;

/** Serves one session from the store: the publisher's side of the protocol. */
export class DownstreamSession implements SubscriptionOwner {
  readonly options: DownstreamSessionOptions;
  readonly counters: DownstreamCounters;
  /** The peer has asked for something since it connected. */
  active = false;
  private readonly deps: DownstreamSessionDeps;
  private readonly subscriptions = new Set<ServedSubscription>();
  private readonly announcements = new Set<ServedAnnouncements>();
  private readonly infoRequests = new Set<ServedTrackInfo>();
  private readonly fetches = new Set<ServedFetch>();
  private readonly probes = new Map<ProbeResponder, number>();
  private closed = false;

  constructor(options: DownstreamSessionOptions, deps: DownstreamSessionDeps) {
    this.options = options;
    this.deps = deps;
    this.counters = deps.counters;
  }

  get subscriptionCount(): number {
    return this.subscriptions.size;
  }

  /** Everything that is open for the peer; 0 after `close`. */
  get openCount(): number {
    const { subscriptions, announcements, infoRequests, fetches, probes } = this;
    return subscriptions.size + announcements.size + infoRequests.size + fetches.size + probes.size;
  }

  // ------------------------------------------------------------ requests

  onAnnounceRequest(request: AnnounceResponder): void {
    this.active = true;
    const { options, announcements, counters } = this;
    if (this.closed || announcements.size >= options.maxAnnounceRequests) {
      this.refuse(request, ERROR_CODES.boundsExceeded);
      return;
    }
    const served = new ServedAnnouncements(
      request,
      { scope: options.scope, via: options.via, mayReplace: options.mayReplaceAnnouncements },
      (done) => {
        if (announcements.delete(done)) counters.announceRequests -= 1;
      },
    );
    announcements.add(served);
    counters.announceRequests += 1;
    served.start(this.deps.store);
  }

  onTrackInfoRequest(request: TrackInfoResponder): void {
    this.active = true;
    const track = this.takeTrack(request, this.infoRequests.size < this.options.maxOpenRequests);
    if (track === undefined) return;
    const expiresAtMs = this.deps.clock.nowMs() + this.options.infoTimeoutMs;
    const served = new ServedTrackInfo(request, track, expiresAtMs, (done) => {
      this.infoRequests.delete(done);
    });
    this.infoRequests.add(served);
    served.start();
  }

  onSubscribe(request: SubscribeResponder): void {
    this.active = true;
    const track = this.takeTrack(request, this.subscriptions.size < this.options.maxSubscriptions);
    if (track === undefined) return;
    const served = new ServedSubscription(request, track, this);
    this.subscriptions.add(served);
    served.start();
  }

  onFetch(request: FetchResponder): void {
    this.active = true;
    if (this.fetches.size >= this.options.maxOpenRequests) {
      this.refuse(request, ERROR_CODES.boundsExceeded);
      return;
    }
    const { scope } = this.options;
    const path = normalizeScopePath(request.broadcast);
    if (!mayGet(scope, path)) {
      this.refuse(request, ERROR_CODES.unauthorized);
      return;
    }
    // From the cache only: a track that nobody follows has none.
    const track = this.deps.store.get(joinPaths(scope.root, path))?.track(request.track);
    const group = track?.groups.find((candidate) => candidate.sequence === request.group);
    if (track === undefined || group === undefined) {
      this.refuse(request, ERROR_CODES.notFound);
      return;
    }
    const served = new ServedFetch(request, track, group, (done) => {
      this.fetches.delete(done);
    });
    this.fetches.add(served);
    served.start();
  }

  onProbe(request: ProbeResponder): void {
    this.active = true;
    // One is enough for a peer; more would only be answered more often.
    if (this.closed || this.probes.size >= 4) return;
    this.probes.set(request, 0);
    request.onClosed = () => {
      this.probes.delete(request);
    };
    this.answerProbes();
  }

  /** The track that is asked for; undefined if the request was refused. */
  private takeTrack(request: TrackRequest, hasRoom: boolean): Track | undefined {
    const track = hasRoom ? this.findTrack(request) : ERROR_CODES.boundsExceeded;
    if (typeof track !== "number") return track;
    this.refuse(request, track);
    return undefined;
  }

  private findTrack(request: TrackRequest): Track | ErrorCode {
    if (this.closed) return ERROR_CODES.closed;
    const { scope } = this.options;
    const path = normalizeScopePath(request.broadcast);
    if (!mayGet(scope, path)) return ERROR_CODES.unauthorized;
    const broadcast = this.deps.store.get(joinPaths(scope.root, path));
    if (broadcast === undefined) return ERROR_CODES.notFound;
    if (!this.mayAskFor(request.track, broadcast)) return ERROR_CODES.boundsExceeded;
    try {
      return broadcast.request(request.track) ?? ERROR_CODES.notFound;
    } catch (error) {
      if (error instanceof RelayError) return ERROR_CODES.boundsExceeded;
      throw error;
    }
  }

  /** Whether one more track without an answer would be within the peer's limit. */
  private mayAskFor(name: string, broadcast: Broadcast): boolean {
    const wanted = broadcast.track(name);
    if (wanted?.info !== undefined) return true;
    const unanswered = new Set<Track>();
    for (const requests of [this.subscriptions, this.infoRequests]) {
      for (const { track } of requests) {
        if (track.info === undefined && broadcast.track(track.name) === track) unanswered.add(track);
      }
    }
    return (
      unanswered.size < this.options.maxUnansweredTracks || (wanted !== undefined && unanswered.has(wanted))
    );
  }

  private refuse(request: { reject(code: ErrorCode): void }, code: ErrorCode): void {
    this.counters.requestsRefused += 1;
    this.deps.logger.debug({ code }, "request refused");
    request.reject(code);
  }

  // ------------------------------------------------------------ for subscriptions

  nowMs(): number {
    return this.deps.clock.nowMs();
  }

  bufferedBytes(): number {
    let bytes = 0;
    for (const subscription of this.subscriptions) bytes += subscription.bufferedBytes();
    return bytes;
  }

  onBlocked(): void {
    const { maxBufferedBytes } = this.options;
    if (this.bufferedBytes() <= maxBufferedBytes) return;
    // What is least important goes first.
    const byPriority = [...this.subscriptions].sort((a, b) => a.priority - b.priority);
    for (const subscription of byPriority) {
      subscription.shed();
      if (this.bufferedBytes() <= maxBufferedBytes / 2) return;
    }
  }

  forget(subscription: ServedSubscription): void {
    this.subscriptions.delete(subscription);
  }

  // ------------------------------------------------------------ housekeeping

  /** Some times a second, by the node's one timer. */
  tick(nowMs: number): void {
    for (const subscription of this.subscriptions) subscription.tick(nowMs);
    for (const request of this.infoRequests) if (nowMs >= request.expiresAtMs) request.expire();
    if (this.subscriptions.size > 0) this.onBlocked();
  }

  /** Once a second: estimates for peers that asked for them (PROBE). */
  answerProbes(): void {
    if (this.probes.size === 0) return;
    const { sendRateBps, rttMs } = this.deps.sendRate();
    for (const [probe, reported] of this.probes) {
      if (reported > 0 && Math.abs(sendRateBps - reported) < reported * PROBE_CHANGE) continue;
      this.probes.set(probe, sendRateBps);
      probe.report(Math.round(sendRateBps), Math.round(rttMs));
    }
  }

  /** The session is gone: lets go of everything without a word to the peer. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const subscription of this.subscriptions) subscription.close();
    for (const served of this.announcements) served.close();
    for (const request of this.infoRequests) request.close();
    for (const fetch of this.fetches) fetch.close();
    this.probes.clear();
  }
}
