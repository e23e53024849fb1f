import type { RelayNode } from "@canopy/relay";
import { type Clock, type Logger, type Metrics, ProblemError } from "@canopy/runtime";
import type { PackagedMedia } from "../packaging/packaged-media.ts";
import { HlsBroadcast } from "./hls-broadcast.ts";
import { HlsCounters } from "./hls-counters.ts";
import type { HlsOptions } from "./hls-options.ts";
import type { HlsRendition, PlaylistBody } from "./hls-rendition.ts";
import { HlsSessions } from "./hls-sessions.ts";
import { initName, nextPart } from "./media-playlist.ts";
import { writeMultivariant } from "./multivariant-playlist.ts";
import type { DeliveryDirectives } from "./parse-directives.ts";
import type { HlsPath } from "./parse-hls-path.ts";
import type { Requester, WaitOutcome } from "./pending-requests.ts";
import type { SegmentWindow } from "./segment-window.ts";

/** The catalog of a broadcast that this node did not follow yet comes from the parent within this time. */
const CATALOG_TIMEOUT_MS = 3_000;
/** The first segment of a rendition that nobody asked for until now: the longest group that is not cut. */
const FIRST_SEGMENT_TIMEOUT_MS = 12_000;
/** A playlist that does not grow for so many target durations is answered with 503 (rfc8216bis §6.2.5.2). */
const BLOCK_IN_TARGETS = 3;
const MAX_BLOCK_MS = 20_000;
/** A publisher who is gone may come back for this long without the playlists starting anew. */
const GONE_MS = 30_000;
/** A broadcast without requests is followed for this long. */
const IDLE_MS = 30_000;
const TICK_MS = 250;
const TICKS_PER_SECOND = 4;

export interface HlsServiceDeps {
  readonly relay: RelayNode;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** A request for a playlist. */
export interface PlaylistRequest {
  readonly broadcast: string;
  readonly rendition: string;
  readonly directives: DeliveryDirectives;
  /** Queries that the URIs carry on. */
  readonly files: string;
  readonly playlists: string;
  readonly gzip: boolean;
  readonly requester: Requester;
}

export interface PlaylistAnswer extends PlaylistBody {
  readonly targetSeconds: number;
}

/** All of a node's HLS: which broadcasts are packaged, and the one timer of them all. */
export class HlsService {
  readonly counters = new HlsCounters();
  readonly sessions: HlsSessions;
  readonly #options: HlsOptions;
  readonly #deps: HlsServiceDeps;
  readonly #broadcasts = new Map<string, HlsBroadcast>();
  readonly #timer: NodeJS.Timeout;
  readonly #withdraw: readonly (() => void)[];
  #ticks = 0;

  constructor(options: HlsOptions, deps: HlsServiceDeps) {
    this.#options = options;
    this.#deps = deps;
    this.sessions = new HlsSessions({ nowMs: () => deps.clock.nowMs() });
    this.#withdraw = [
      deps.metrics.read("canopy_sent_bytes_total", "hls", () => this.counters.sentBytes),
      deps.metrics.read("canopy_hls_waiting_requests", "", () => this.counters.waits),
      deps.metrics.read("canopy_hls_refused_waits_total", "", () => this.counters.waitsRefused),
      deps.metrics.read("canopy_hls_segment_bytes", "", () => this.counters.bytes),
    ];
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The multivariant playlist. Throws `ProblemError`. */
  async multivariant(path: string, suffix: string): Promise<string> {
    const { media } = await this.#follow(path);
    return writeMultivariant(media, suffix);
  }

  /** A media playlist, once it has what is asked for. Throws `ProblemError`. */
  async playlist(request: PlaylistRequest): Promise<PlaylistAnswer> {
    const { broadcast } = await this.#follow(request.broadcast);
    const rendition = broadcast.ask(request.rendition);
    if (rendition === undefined) throw notHere(`The broadcast has no rendition ${request.rendition}.`);
    const { requester } = request;
    const nowMs = this.#deps.clock.nowMs();
    settled(
      await rendition.pending.wait(
        () => broadcast.isReady(rendition),
        nowMs + FIRST_SEGMENT_TIMEOUT_MS,
        requester,
      ),
      "No segment of it is complete yet.",
    );
    const window = windowOf(rendition);
    const { position } = request.directives;
    if (position !== undefined) {
      checkPosition(window, position);
      const blockMs = Math.min(MAX_BLOCK_MS, BLOCK_IN_TARGETS * window.targetSeconds * 1_000);
      settled(
        await rendition.pending.wait(
          () => rendition.window !== window || window.hasReached(position),
          this.#deps.clock.nowMs() + blockMs,
          requester,
        ),
        "The playlist has not grown in time: the publisher has stopped.",
      );
    }
    const { files, playlists, gzip } = request;
    const { skips } = request.directives;
    const body = rendition.playlist(windowOf(rendition), broadcast.reports(rendition.id), {
      ...{ files, playlists, gzip, skips },
    });
    return { ...body, targetSeconds: window.targetSeconds };
  }

  /** An init segment, a segment or a part; of the next part, once it is there. Throws `ProblemError`. */
  async file(path: Extract<HlsPath, { kind: "file" }>, requester: Requester): Promise<Buffer> {
    const broadcast = this.#broadcasts.get(path.broadcast);
    const rendition = broadcast?.renditions.has(path.rendition) ? broadcast.ask(path.rendition) : undefined;
    const window = rendition?.window;
    if (rendition === undefined || window === undefined || window.id !== path.window)
      throw notHere(GONE_FILE);
    const { file } = path;
    if (file.kind === "init") {
      const init = window.inits.get(file.init);
      if (init === undefined) throw notHere(`${initName(window, file.init)} is not here.`);
      return init;
    }
    const { sequence, part } = file;
    const next = nextPart(window);
    if (part !== undefined && sequence === next.sequence && part === next.part) {
      // The part of EXT-X-PRELOAD-HINT: the answer is held back until it is there (rfc8216bis §6.2.6).
      const deadlineMs = this.#deps.clock.nowMs() + BLOCK_IN_TARGETS * window.targetSeconds * 1_000;
      settled(
        await rendition.pending.wait(
          () => rendition.window !== window || (window.find(sequence)?.parts.length ?? 0) > part,
          deadlineMs,
          requester,
        ),
        "The part has not come in time: the publisher has stopped.",
      );
    }
    const segment = window.find(sequence);
    if (segment === undefined) throw notHere(GONE_FILE);
    if (part !== undefined) {
      const found = segment.parts[part];
      if (found === undefined) throw notHere(GONE_FILE);
      return found.bytes;
    }
    if (!segment.isComplete) throw notHere("The segment is not complete yet.");
    return window.bodyOf(segment);
  }

  /** Stops the timer and lets go of all broadcasts. Idempotent. */
  close(): void {
    clearInterval(this.#timer);
    for (const withdraw of this.#withdraw) withdraw();
    for (const broadcast of this.#broadcasts.values()) broadcast.close();
    this.#broadcasts.clear();
    this.sessions.close();
  }

  async #follow(path: string): Promise<{ readonly broadcast: HlsBroadcast; readonly media: PackagedMedia }> {
    const { relay } = this.#deps;
    const known = this.#broadcasts.get(path);
    if (relay.store.get(path) === undefined && (known === undefined || known.followed.goneSinceMs !== 0)) {
      throw notHere(`No broadcast ${path} is known here.`);
    }
    // Every rendition keeps the few segments without which a player cannot go on, so the last bound is here.
    if (known === undefined && this.counters.bytes > this.#options.maxBytes)
      throw later("The node holds as many segments as it may.");
    const broadcast = known ?? this.#add(path);
    broadcast.lastAskedMs = this.#deps.clock.nowMs();
    const media = await broadcast.followed.awaitMedia(CATALOG_TIMEOUT_MS);
    if (media === undefined) throw later("The broadcast's catalog has not arrived yet.");
    if (media.video.length === 0 && media.audio === undefined) {
      const has = media.leftOut.length > 0 ? `, only ${media.leftOut.join(", ")}` : " yet";
      if (media.leftOut.length === 0) throw later(`The broadcast has no media${has}.`);
      throw new ProblemError(422, "Unprocessable Content", `Nothing of it can go out by HLS${has}.`);
    }
    return { broadcast, media };
  }

  #add(path: string): HlsBroadcast {
    const { relay, clock, logger } = this.#deps;
    const broadcast = new HlsBroadcast(path, this.#options, {
      store: relay.store,
      logger,
      nowMs: () => clock.nowMs(),
      counters: this.counters,
      onBytes: (delta) => this.#onBytes(delta),
    });
    this.#broadcasts.set(path, broadcast);
    return broadcast;
  }

  #onBytes(delta: number): void {
    this.counters.bytes += delta;
    if (delta <= 0) return;
    while (this.counters.bytes > this.#options.maxBytes && this.#largestWindow()?.evictOldest() === true) {
      // One segment after the other.
    }
  }

  #largestWindow(): SegmentWindow | undefined {
    let largest: SegmentWindow | undefined;
    for (const broadcast of this.#broadcasts.values()) {
      for (const { window } of broadcast.renditions.values()) {
        if (window !== undefined && window.bytes > (largest?.bytes ?? 0)) largest = window;
      }
    }
    return largest;
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const broadcast of this.#broadcasts.values()) {
      for (const { pending } of broadcast.renditions.values()) pending.expire(nowMs);
    }
    this.#ticks = (this.#ticks + 1) % TICKS_PER_SECOND;
    if (this.#ticks !== 0) return;
    this.sessions.tick(nowMs);
    for (const [path, broadcast] of this.#broadcasts) {
      broadcast.tick(nowMs);
      const { goneSinceMs } = broadcast.followed;
      const isGone = goneSinceMs !== 0 && nowMs - goneSinceMs > GONE_MS;
      const isIdle = broadcast.renditions.size === 0 && nowMs - broadcast.lastAskedMs > IDLE_MS;
      if (!isGone && !isIdle) continue;
      broadcast.close();
      this.#broadcasts.delete(path);
    }
  }
}

const GONE_FILE = "It is not here, or not here any more.";

function windowOf(rendition: HlsRendition): SegmentWindow {
  const { window } = rendition;
  if (window?.latest === undefined) throw notHere("The rendition has ended.");
  return window;
}

/** What lies too far ahead is an error of the player, not a reason to wait (rfc8216bis §6.2.5.2). */
function checkPosition(
  window: SegmentWindow,
  position: { readonly sequence: number; readonly part: number | undefined },
): void {
  const next = nextPart(window);
  const aheadParts = Math.ceil(3 / window.plan.partTargetSeconds);
  const isFar =
    position.sequence > next.sequence + 1 ||
    (position.sequence === next.sequence && (position.part ?? 0) > next.part + aheadParts);
  if (isFar)
    throw new ProblemError(
      400,
      "Bad Request",
      `_HLS_msn and _HLS_part are too far ahead: the next part is ${next.sequence}.${next.part}.`,
    );
}

function settled(outcome: WaitOutcome, late: string): void {
  if (outcome === "ready") return;
  if (outcome === "full") throw later("Too many requests wait at this node already.");
  throw later(late);
}

function later(detail: string): ProblemError {
  return new ProblemError(503, "Service Unavailable", detail, {
    headers: { "retry-after": "1", "cache-control": "no-store" },
  });
}

function notHere(detail: string): ProblemError {
  // A CDN may keep the answer for as long as a player would not ask again.
  return new ProblemError(404, "Not Found", detail, { headers: { "cache-control": "max-age=1" } });
}
