import type { Clock } from "../clock.ts";
import { PlayerError } from "../player-error.ts";
import { betterOffset, type ClockOffset } from "../sync/clock-offset.ts";
import { probeTime } from "../sync/probe-time.ts";
import type { TransportMemory } from "../upstream/transport-memory.ts";
import type {
  TrackSelection,
  TransportName,
  Upstream,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
} from "../upstream/upstream.ts";
import { EdgeWatch } from "./edge-watch.ts";
import { LadderWatch } from "./ladder-watch.ts";
import { headStartMs, rivalOf } from "./race.ts";
import { RetrySchedule } from "./retry-schedule.ts";
import { TransportTrial, type TransportTrialDeps, type TransportTrialOptions } from "./transport-trial.ts";

/** Enough to start with: at first all time belongs to the picture. */
const FIRST_PROBES = 2;

/** Of so many one nearly always meets an empty path. */
const PROBES = 5;

/** When the first measurement is replaced by a better one. */
const SECOND_PROBE_MS = 1_500;

/** The offset is measured again so often; crystals drift by milliseconds in this time. */
const PROBE_INTERVAL_MS = 30_000;

/** A session that brings neither media nor an end for this long is given up. */
const WATCHDOG_MS = 6_000;

export interface ConnectionOptions {
  /** Edges, in order of preference; the last resort where edges are located. */
  readonly sources: readonly string[];
  /** Transports that this browser can use, in order of preference. */
  readonly factories: readonly UpstreamFactory[];
  /** Why the first of them is not a better one; undefined if it is the best. */
  readonly passedOver?: string | undefined;
  readonly request: Omit<UpstreamRequest, "src">;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  readonly random: () => number;
  readonly memory: Pick<TransportMemory, "recall" | "remember">;
  /** Finds the edges at the beginning, and again whenever all of them have failed. Rejects with `PlayerError`. */
  readonly locate?: ((signal: AbortSignal) => Promise<readonly string[]>) | undefined;
  /** Gets everything of the upstream in use but its end. */
  readonly sink: Omit<UpstreamSink, "onConnected" | "onMove" | "onClosed">;
  readonly onTransport: (transport: TransportName) => void;
  readonly onClockOffset: (offset: ClockOffset) => void;
  /** The session is lost; another attempt follows. */
  readonly onLost: (error: PlayerError) => void;
  /** No further attempt. */
  readonly onFailed: (error: PlayerError) => void;
}

/** Keeps one upstream open: tries transports and edges in turn, and starts over when the session is lost. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #deps: ConnectionDeps;
  readonly #retries: RetrySchedule;
  #sources: readonly string[];
  readonly #abort = new AbortController();
  #attempt = 0;
  #factory = 0;
  #movedTo: string | undefined;
  #upstream: Upstream | undefined;
  #isUp = false;
  #offset: ClockOffset | undefined;
  #offsetAtUs = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #reconnects = 0;
  #hasMedia = false;
  #selection: TrackSelection | undefined;
  /** A session to another edge that takes over as soon as it brings media. */
  #successor: Upstream | undefined;
  /** The successor is not asked for by the edge: it is dropped if media comes again. */
  #isSpare = false;
  readonly #edgeWatch: EdgeWatch;
  readonly #ladder: LadderWatch;
  /** The same session over the next transport, dialled while the first one has none; the first to be up stays. */
  #rival: Upstream | undefined;
  #rivalTimer: ReturnType<typeof setTimeout> | undefined;
  #reason: string | undefined;

  constructor(options: ConnectionOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#sources = options.sources;
    this.#retries = new RetrySchedule({ sources: options.sources.length }, { random: deps.random });
    this.#edgeWatch = new EdgeWatch({
      upstream: () => this.#upstream,
      onSilent: () => {
        this.#openSpare(1);
        this.#ladder.onSilent();
      },
    });
    this.#ladder = new LadderWatch(
      { names: options.factories.map(({ transport }) => transport) },
      {
        nowMs: () => deps.clock.nowUs() / 1_000,
        openTrial: (...args) => this.#openTrial(...args),
        onTakeOver: (...args) => this.#takeOver(...args),
      },
    );
    this.#begin();
  }

  /** Tracks to receive, from the session in use and those that follow it. */
  select(selection: TrackSelection): void {
    this.#selection = selection;
    this.#upstream?.select(selection);
    this.#ladder.trial?.upstream.select(selection);
  }

  get upstream(): Upstream | undefined {
    return this.#upstream;
  }

  get offset(): ClockOffset | undefined {
    return this.#offset;
  }

  get src(): string {
    return this.#movedTo ?? this.#sources[this.#retries.current] ?? "";
  }

  /** Why this transport is in use; undefined if it is the first choice. */
  get reason(): string | undefined {
    return this.#reason ?? this.#options.passedOver;
  }

  /** Sessions opened again after one had brought media. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Media came from the session in use. */
  onMedia(): void {
    this.#hasMedia = true;
    this.#retries.onSuccess();
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#stopEdgeWatch();
    this.#ladder.onMedia();
  }

  /** Media should come and does not. */
  onStarved(): void {
    this.#watch();
    this.#edgeWatch.start();
    this.#ladder.onStarved(this.#upstream?.probe !== undefined);
  }

  /** The catalog holds nothing that this browser decodes: another transport may leave that to somebody else. */
  onUnplayable(error: PlayerError): void {
    if (this.#ladder.onUnplayable(error)) return;
    this.#isUp = false;
    this.#onClosed(error);
  }

  /** The network is back: don't wait for the next attempt. */
  retryNow(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#begin();
  }

  /** Drops the session without a word and opens another one. */
  reconnect(): void {
    this.#drop();
    this.#open();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drop();
  }

  /** An attempt after which all edges are new, where they are located, or as they were. */
  #begin(): void {
    const { locate } = this.#deps;
    this.#timer = undefined;
    if (locate === undefined) this.#open();
    else void this.#openLocated(locate);
  }

  async #openLocated(locate: NonNullable<ConnectionDeps["locate"]>): Promise<void> {
    const { signal } = this.#abort;
    this.#attempt += 1;
    const attempt = this.#attempt;
    let failure = new PlayerError("unreachable", "no edge is known");
    try {
      this.#sources = await locate(signal);
    } catch (error) {
      if (error instanceof PlayerError) failure = error;
      // The edges of the last answer, or those of the page, may still be there.
      if (this.#sources.length === 0) this.#sources = this.#options.sources;
    }
    if (this.#attempt !== attempt || signal.aborted) return;
    this.#retries.renew(this.#sources.length);
    if (this.#sources.length > 0) this.#open();
    else this.#retryLater(failure);
  }

  #retryLater(error: PlayerError): void {
    const decision = error.shouldRetry() ? this.#retries.onFailure() : undefined;
    if (decision === undefined) {
      this.#deps.onFailed(error);
      return;
    }
    this.#deps.onLost(error);
    this.#timer = setTimeout(() => this.#begin(), decision.delayMs);
  }

  #open(): void {
    this.#timer = undefined;
    if (this.#abort.signal.aborted) return;
    const factory = this.#options.factories[this.#factory];
    if (factory === undefined) return;
    this.#attempt += 1;
    const attempt = this.#attempt;
    this.#hasMedia = false;
    this.#watch();
    this.#ladder.onOpen(this.#factory);
    this.#upstream = factory.open(
      { ...this.#options.request, src: this.src },
      this.#sinkOf(factory, () => this.#attempt === attempt),
      this.#upstreamDeps,
    );
    this.#startRace();
  }

  #startRace(): void {
    const index = rivalOf(this.#options.factories, this.#factory);
    if (index === undefined) return;
    this.#reason = undefined;
    const last = this.#deps.memory.recall(this.src);
    const delayMs = headStartMs(last);
    const reason =
      delayMs === 0
        ? "it was the first to be up at this edge lately"
        : `WebTransport had no session after ${delayMs} ms`;
    this.#rivalTimer = setTimeout(() => this.#openRival(index, reason), delayMs);
  }

  #openRival(index: number, reason: string): void {
    this.#rivalTimer = undefined;
    const factory = this.#options.factories[index];
    if (factory === undefined) return;
    let rival: Upstream | undefined;
    const inUse = this.#sinkOf(factory, () => this.#upstream === rival);
    rival = factory.open(
      { ...this.#options.request, src: this.src },
      {
        ...inUse,
        onConnected: (timeBaseUrl) => {
          if (this.#rival === rival) {
            this.#deps.memory.remember(this.src, factory.transport);
            this.#takeRival(index, reason);
          }
          inUse.onConnected(timeBaseUrl);
        },
        onClosed: (error) => {
          if (this.#rival === rival) this.#rival = undefined;
          else inUse.onClosed(error);
        },
      },
      this.#upstreamDeps,
    );
    this.#rival = rival;
  }

  #takeRival(index: number, reason: string): void {
    const rival = this.#rival;
    this.#rival = undefined;
    this.#attempt += 1;
    this.#upstream?.close();
    this.#upstream = rival;
    this.#factory = index;
    this.#reason = reason;
    this.#ladder.onRaceWon(index);
  }

  #endRace(): void {
    clearTimeout(this.#rivalTimer);
    this.#rivalTimer = undefined;
    this.#rival?.close();
    this.#rival = undefined;
  }

  get #upstreamDeps(): UpstreamDeps {
    const { clock, fetch } = this.#deps;
    return { clock, fetch, serverOffsetUs: () => this.#offset?.offsetUs };
  }

  /** Passes on what an upstream tells for as long as it is the one in use. */
  #sinkOf(factory: UpstreamFactory, isCurrent: () => boolean): UpstreamSink {
    const { sink } = this.#deps;
    return {
      onCatalog: (catalog) => isCurrent() && sink.onCatalog(catalog),
      onGroupOpen: (...args) => isCurrent() && sink.onGroupOpen(...args),
      onFrame: (...args) => isCurrent() && sink.onFrame(...args),
      onGroupEnd: (...args) => isCurrent() && sink.onGroupEnd(...args),
      onElementFrame: (frame) => isCurrent() && sink.onElementFrame(frame),
      onElementTime: (...args) => isCurrent() && sink.onElementTime(...args),
      // Comes from one that is being left, too: what it showed is still on screen.
      onElementReset: () => sink.onElementReset(),
      onElementSoundBlocked: () => isCurrent() && sink.onElementSoundBlocked(),
      onTimed: (...args) => isCurrent() && sink.onTimed(...args),
      onAnnounced: () => isCurrent() && this.#onAnnounced(),
      onEnded: () => isCurrent() && this.#onEnded(),
      onConnected: (timeBaseUrl) => isCurrent() && this.#onConnected(factory.transport, timeBaseUrl),
      onMove: (src) => isCurrent() && this.#onMove(src),
      onClosed: (error) => isCurrent() && this.#onClosed(error),
    };
  }

  #onConnected(transport: TransportName, timeBaseUrl: string): void {
    this.#isUp = true;
    this.#ladder.onConnected();
    if (transport === "webtransport" && rivalOf(this.#options.factories, this.#factory) !== undefined) {
      this.#deps.memory.remember(this.src, transport);
    }
    this.#endRace();
    this.#deps.onTransport(transport);
    void this.#probe(timeBaseUrl, FIRST_PROBES);
  }

  #onAnnounced(): void {
    this.#watch();
    this.#deps.sink.onAnnounced();
  }

  /** Waiting for a publisher is no failure. */
  #onEnded(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#stopEdgeWatch();
    this.#ladder.onEnded();
    this.#retries.onSuccess();
    this.#deps.sink.onEnded();
  }

  /** The edge is leaving: its successor is opened first, and takes over with its first frame. */
  #onMove(to: string): void {
    const url = URL.canParse(to, this.src) ? new URL(to, this.src) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) return;
    this.#isSpare = false;
    this.#openSuccessor(url.href, {
      onPromoted: () => {
        this.#movedTo = url.href;
      },
      onFailed: () => {},
    });
  }

  /**
   * The edge is silent: another one of the list is dialled beside it, `ahead` places on and in the end itself, and
   * takes over with its first frame. If it was only the path that was held up, the session in use has lost nothing.
   */
  #openSpare(ahead: number): void {
    const sources = this.#sources;
    const source = (this.#retries.current + ahead) % sources.length;
    const src = sources[source];
    if (src === undefined || ahead > sources.length || this.#successor !== undefined) return;
    this.#isSpare = true;
    this.#openSuccessor(src, {
      onPromoted: () => {
        this.#movedTo = undefined;
        this.#retries.moveTo(source);
        clearTimeout(this.#watchdog);
        this.#watchdog = undefined;
        this.#watch();
        this.#deps.onLost(new PlayerError("unreachable", "the edge does not answer"));
      },
      onFailed: () => this.#openSpare(ahead + 1),
    });
  }

  #stopEdgeWatch(): void {
    this.#edgeWatch.stop();
    if (!this.#isSpare) return;
    this.#isSpare = false;
    this.#successor?.close();
    this.#successor = undefined;
  }

  #openSuccessor(
    src: string,
    then: { readonly onPromoted: () => void; readonly onFailed: () => void },
  ): void {
    const factory = this.#options.factories[this.#factory];
    if (factory === undefined) return;
    this.#successor?.close();
    const attempt = this.#attempt;
    let successor: Upstream | undefined;
    let timeBaseUrl: string | undefined;
    const isWaiting = (): boolean => this.#successor === successor && this.#attempt === attempt;
    const { sink } = this.#deps;
    const inUse = this.#sinkOf(factory, () => this.#upstream === successor);
    successor = factory.open(
      { ...this.#options.request, src },
      {
        ...inUse,
        onConnected: (baseUrl) => {
          timeBaseUrl = baseUrl;
        },
        onCatalog: (catalog) => {
          if (!isWaiting()) inUse.onCatalog(catalog);
          else if (this.#selection !== undefined) successor?.select(this.#selection);
        },
        onFrame: (kind, track, sequence, frame) => {
          if (isWaiting() && successor !== undefined) {
            this.#promote(successor, timeBaseUrl);
            then.onPromoted();
            sink.onGroupOpen(kind, track, sequence);
          }
          inUse.onFrame(kind, track, sequence, frame);
        },
        onClosed: (error) => {
          if (!isWaiting()) {
            inUse.onClosed(error);
            return;
          }
          this.#successor = undefined;
          then.onFailed();
        },
      },
      this.#upstreamDeps,
    );
    this.#successor = successor;
  }

  #promote(successor: Upstream, timeBaseUrl: string | undefined): void {
    this.#upstream?.close();
    this.#upstream = successor;
    this.#successor = undefined;
    this.#isSpare = false;
    this.#reconnects += 1;
    this.#attempt += 1;
    clearTimeout(this.#probeTimer);
    if (timeBaseUrl !== undefined) void this.#probe(timeBaseUrl, FIRST_PROBES);
  }

  /** A session by another transport beside the one in use, at the same edge. */
  #openTrial(
    rung: number,
    limits: Pick<TransportTrialOptions, "needsProof" | "timeoutMs">,
    then: Pick<TransportTrialDeps, "onReady" | "onFailed">,
  ): TransportTrial | undefined {
    const factory = this.#options.factories[rung];
    // The rival of a race that is still on is dialled already.
    if (factory === undefined || this.#rival?.transport === factory.transport) return undefined;
    const { sink } = this.#deps;
    const { request } = this.#options;
    const trial: TransportTrial = new TransportTrial(
      {
        factory,
        // The page has one element; what is in it stays there until the trial has succeeded in another one.
        request: { ...request, src: this.src, ...(this.#needsOtherElement(rung) && mutedTwin(request)) },
        ...limits,
        selection: () => this.#selection,
      },
      {
        ...then,
        upstream: this.#upstreamDeps,
        sink: {
          ...this.#sinkOf(factory, () => this.#upstream === trial.upstream),
          onCatalog: (catalog) => sink.onCatalog(catalog),
          onTimed: (...args) => sink.onTimed(...args),
        },
      },
    );
    return trial;
  }

  #needsOtherElement(rung: number): boolean {
    const { factories } = this.#options;
    return factories[rung]?.inElement === true && factories[this.#factory]?.inElement === true;
  }

  #takeOver(trial: TransportTrial, rung: number, reason: string): void {
    const isElsewhere = this.#needsOtherElement(rung);
    if (isElsewhere) trial.close();
    else trial.promote();
    this.#drop();
    this.#factory = rung;
    this.#reason = reason;
    if (isElsewhere) {
      this.#open();
      return;
    }
    this.#upstream = trial.upstream;
    this.#ladder.onOpen(rung);
    this.#watch();
    if (trial.timeBaseUrl !== undefined) {
      this.#onConnected(trial.upstream.transport, trial.timeBaseUrl);
    }
  }

  #onClosed(error: PlayerError): void {
    const hadMedia = this.#hasMedia;
    const wasUp = this.#isUp;
    // What one transport cannot carry another one may; without another one it stays like that.
    const isOfTransport = error.code === "unsupported" || error.code === "codec";
    if (this.#rival !== undefined && (error.shouldRetry() || isOfTransport)) {
      this.#ladder.onRefused(this.#factory, error);
      this.#takeRival(this.#factory + 1, error.message);
      this.#deps.onLost(error);
      return;
    }
    if (this.#ladder.onClosed(this.#factory, error)) {
      this.#deps.onLost(error);
      return;
    }
    this.#drop();
    if (hadMedia) this.#reconnects += 1;
    if (!error.shouldRetry() && (!isOfTransport || this.#options.factories.length === 1)) {
      this.#deps.onFailed(error);
      return;
    }
    if (this.#movedTo !== undefined) {
      // The place that the edge named does not answer: back to the list.
      this.#movedTo = undefined;
    } else if (!wasUp && this.#factory + 1 < this.#options.factories.length) {
      // Nothing got through this way; perhaps another transport does, at the same edge.
      this.#factory += 1;
      this.#reason = error.message;
      this.#deps.onLost(error);
      this.#open();
      return;
    }
    if (!wasUp) {
      this.#factory = 0;
      this.#reason = undefined;
    } else if (
      rivalOf(this.#options.factories, this.#factory - 1) !== undefined &&
      !this.#ladder.isHeldBack(this.#factory - 1)
    ) {
      // Whoever won the race runs it again: the network may be another one by now.
      this.#factory -= 1;
    }
    const decision = this.#retries.onFailure();
    if (decision === undefined) {
      this.#deps.onFailed(error);
      return;
    }
    this.#deps.onLost(error);
    const isNewRound = decision.delayMs > 0;
    this.#timer = setTimeout(() => (isNewRound ? this.#begin() : this.#open()), decision.delayMs);
  }

  #drop(): void {
    this.#attempt += 1;
    this.#edgeWatch.stop();
    this.#ladder.stop();
    this.#endRace();
    this.#successor?.close();
    this.#successor = undefined;
    this.#isSpare = false;
    this.#isUp = false;
    clearTimeout(this.#probeTimer);
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#upstream?.close();
    this.#upstream = undefined;
  }

  #watch(): void {
    if (this.#watchdog !== undefined) return;
    this.#watchdog = setTimeout(() => {
      this.#watchdog = undefined;
      this.#onClosed(new PlayerError("unreachable", "the session brings no media"));
    }, WATCHDOG_MS);
  }

  async #probe(timeBaseUrl: string, count: number): Promise<void> {
    const attempt = this.#attempt;
    const { clock, fetch } = this.#deps;
    const fresh = await probeTime(timeBaseUrl, count, { clock, fetch, signal: this.#abort.signal });
    if (this.#attempt !== attempt || this.#abort.signal.aborted) return;
    if (fresh !== undefined) {
      const nowUs = clock.nowUs();
      this.#offset = betterOffset(this.#offset, fresh, nowUs - this.#offsetAtUs);
      if (this.#offset === fresh) this.#offsetAtUs = nowUs;
      this.#deps.onClockOffset(this.#offset);
    }
    const pauseMs = count === FIRST_PROBES ? SECOND_PROBE_MS : PROBE_INTERVAL_MS;
    this.#probeTimer = setTimeout(() => void this.#probe(timeBaseUrl, PROBES), pauseMs);
  }
}

/** An element like that of the page, for media that nobody is to see or hear. */
function mutedTwin({
  mediaElement,
}: Pick<UpstreamRequest, "mediaElement">): Pick<UpstreamRequest, "mediaElement"> {
  const twin = mediaElement?.cloneNode(false) as HTMLVideoElement | undefined;
  if (twin !== undefined) twin.muted = true;
  return { mediaElement: twin };
}
