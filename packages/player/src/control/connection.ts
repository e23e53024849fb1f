import type { Clock } from "../clock.ts";
import { PlayerError } from "../player-error.ts";
import type { ClockOffset } from "../sync/clock-offset.ts";
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
import { ArrivalWatch } from "./arrival-watch.ts";
import { ClockProbe } from "./clock-probe.ts";
import { currentSink } from "./current-sink.ts";
import { EdgeList, type LocateEdges } from "./edge-list.ts";
import { EdgeMove, type Successor } from "./edge-move.ts";
import { EdgeRenewal } from "./edge-renewal.ts";
import { EdgeSuccession, type SuccessionStep } from "./edge-succession.ts";
import { EdgeWatch } from "./edge-watch.ts";
import { ElementMove, mutedTwin } from "./element-move.ts";
import { LadderWatch } from "./ladder-watch.ts";
import { rivalOf } from "./race.ts";
import { RetrySchedule } from "./retry-schedule.ts";
import { SessionMedia, type WatchedSession } from "./session-media.ts";
import { TransportRace } from "./transport-race.ts";
import { TransportTrial, type TransportTrialDeps, type TransportTrialOptions } from "./transport-trial.ts";

/** A session that brings neither media nor an end for this long is given up. */
const WATCHDOG_MS = 6_000;
/** A session to an edge that is not up by then gets company by sessions to others. On slow paths most are up sooner. */
const DIAL_SILENT_MS = 1_000;

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
  /** Finds the edges at the beginning, and again whenever all of them have failed. */
  readonly locate?: LocateEdges | undefined;
  /** Gets everything of the upstream in use but its end. */
  readonly sink: Omit<UpstreamSink, "onTimedReady" | "onConnected" | "onMove" | "onClosed">;
  readonly onTransport: (transport: TransportName) => void;
  readonly onClockOffset: (offset: ClockOffset) => void;
  /** Capture to picture that the player paints at, ms. */
  readonly targetLatencyMs: () => number;
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
  readonly #edges: EdgeList;
  readonly #abort = new AbortController();
  #attempt = 0;
  #factory = 0;
  #movedTo: string | undefined;
  #upstream: Upstream | undefined;
  /** Of the session in use. */
  #media = new SessionMedia();
  /** Of the session by another transport beside it. */
  #trialMedia = this.#media;
  #isUp = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #dialTimer: ReturnType<typeof setTimeout> | undefined;
  #reconnects = 0;
  #hasMedia = false;
  /** The publisher is gone: nothing is to be expected. */
  #hasEnded = false;
  #selection: TrackSelection | undefined;
  readonly #clockProbe: ClockProbe;
  readonly #succession: EdgeSuccession;
  readonly #move: EdgeMove;
  readonly #elementMove: ElementMove;
  readonly #renewal: EdgeRenewal;
  readonly #arrivals: ArrivalWatch;
  readonly #edgeWatch: EdgeWatch;
  readonly #ladder: LadderWatch;
  readonly #race: TransportRace;
  #reason: string | undefined;

  constructor(options: ConnectionOptions, deps: ConnectionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#edges = new EdgeList(options.sources, deps.locate);
    this.#retries = new RetrySchedule({ sources: options.sources.length }, { random: deps.random });
    this.#renewal = new EdgeRenewal({
      random: deps.random,
      edges: this.#edges,
      signal: this.#abort.signal,
      src: () => this.src,
      session: () => (this.#succession.isBusy ? undefined : this.#attempt),
      onRenewed: () => {
        this.#retries.renew(this.#edges.sources.length);
        this.#movedTo = undefined;
      },
    });
    this.#arrivals = new ArrivalWatch({ onSilent: () => !this.#hasEnded && this.#edgeWatch.start() });
    this.#edgeWatch = new EdgeWatch({
      upstream: () => this.#upstream,
      roundTripMs: () => this.offset && this.offset.roundTripUs / 1_000,
      onSilent: () => {
        if (!this.#isInElement) this.#succession.onSilent();
        this.#ladder.onSilent();
      },
      onLateAnswer: () => this.#succession.onAlive(),
    });
    this.#clockProbe = new ClockProbe({
      clock: deps.clock,
      fetch: deps.fetch,
      onOffset: deps.onClockOffset,
    });
    this.#race = new TransportRace(options.factories, {
      memory: deps.memory,
      open: (factory, editSink) => this.#openBeside(factory, this.src, editSink),
      onWon: () => this.#takeRival(),
    });
    this.#move = new EdgeMove({
      open: (...args) => this.#openBeside(...args),
      selection: () => this.#selection,
      sink: deps.sink,
      onTakeOver: (successor) => this.#promote(successor),
    });
    this.#elementMove = new ElementMove({
      request: options.request,
      upstream: () => this.#upstreamDeps,
      sinkOf: (factory) => this.#sinkOf(factory, () => false),
      selection: () => this.#selection,
      leave: () => this.#drop(),
      open: () => this.#open(),
    });
    this.#succession = new EdgeSuccession({
      random: deps.random,
      nowMs: () => deps.clock.nowUs() / 1_000,
      sources: () => this.#edges.sources,
      current: () => this.#retries.current,
      src: () => this.src,
      open: (...args) => this.#openSuccessor(...args),
      ask: this.#edges.ask,
      stop: () => {
        this.#move.stop();
        this.#elementMove.stop();
      },
      onArrived: (place) => {
        const { src } = this;
        this.#movedTo = "named" in place ? place.named : undefined;
        if ("source" in place) this.#retries.moveTo(place.source);
        // A second session to the same edge has yet to show that it does better.
        if (this.src !== src) this.#ladder.onMoved();
        this.#renewal.soon();
      },
      onRescued: () => this.#onRescued(),
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
    this.#move.select(selection);
  }

  get upstream(): Upstream | undefined {
    return this.#upstream;
  }

  get offset(): ClockOffset | undefined {
    return this.#clockProbe.offset;
  }

  get src(): string {
    return this.#movedTo ?? this.#edges.sources[this.#retries.current] ?? "";
  }

  /** Why this transport is in use; undefined if it is the first choice. */
  get reason(): string | undefined {
    return this.#reason ?? this.#options.passedOver;
  }

  /** Sessions opened again after one had brought media. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Times that an edge that was about to stop was left for another one, without a pause. */
  get moves(): number {
    return this.#succession.moves;
  }

  /** Times that an edge sent us where we do not go. */
  get refusedMoves(): number {
    return this.#succession.refused;
  }

  /** Media is presented, of the session in use or of what one before has left. */
  onMedia(): void {
    this.#hasMedia = true;
    this.#retries.onSuccess();
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    // A bad path lets a frame through now and then, and a full buffer shows pictures of an edge that is gone.
    if (this.#arrivals.isFresh) this.#stopEdgeWatch();
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
    this.#renewal.stop();
    this.#drop();
    this.#move.close();
  }

  /** A new round: where edges are located, they are asked for first. */
  #begin(): void {
    this.#timer = undefined;
    const renewing = this.#edges.renew(this.#abort.signal);
    if (renewing === undefined) this.#open();
    else void this.#openRenewed(renewing);
  }

  async #openRenewed(renewing: Promise<PlayerError | undefined>): Promise<void> {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const failure = await renewing;
    if (this.#attempt !== attempt || this.#abort.signal.aborted) return;
    this.#retries.renew(this.#edges.sources.length);
    if (failure === undefined) this.#open();
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
    this.#hasEnded = false;
    this.#watch();
    this.#watchDial();
    this.#ladder.onOpen(this.#factory);
    this.#media = new SessionMedia();
    this.#upstream = factory.open(
      { ...this.#options.request, src: this.src },
      this.#media.watch(
        this.#sinkOf(factory, () => this.#attempt === attempt),
        this.#deps.sink,
      ),
      this.#upstreamDeps,
    );
    if (this.#race.start(this.#factory, this.src)) this.#reason = undefined;
  }

  /** A session beside the one in use, which may become it. */
  #openBeside(
    factory: UpstreamFactory,
    src: string,
    editSink: (inUse: UpstreamSink) => UpstreamSink,
  ): WatchedSession {
    const media = new SessionMedia();
    let upstream: Upstream | undefined;
    const inUse = this.#sinkOf(factory, () => upstream !== undefined && this.#upstream === upstream);
    upstream = factory.open(
      { ...this.#options.request, src },
      media.watch(editSink(inUse), this.#deps.sink),
      this.#upstreamDeps,
    );
    return { upstream, media };
  }

  #takeRival(reason?: string): void {
    const rival = this.#race.take();
    if (rival === undefined) return;
    this.#attempt += 1;
    this.#upstream?.close();
    this.#upstream = rival.upstream;
    this.#media = rival.media;
    this.#factory = rival.index;
    this.#reason = reason ?? rival.reason;
    this.#ladder.onRaceWon(rival.index);
  }

  get #upstreamDeps(): UpstreamDeps {
    const { clock, fetch, targetLatencyMs } = this.#deps;
    return { clock, fetch, targetLatencyMs, serverOffsetUs: () => this.offset?.offsetUs };
  }

  /** Passes on what an upstream tells for as long as it is the one in use. */
  #sinkOf(factory: UpstreamFactory, isCurrent: () => boolean): UpstreamSink {
    return currentSink(this.#deps.sink, isCurrent, {
      onArrival: () => this.#arrivals.onFrame(),
      onAnnounced: () => this.#onAnnounced(),
      onEnded: () => this.#onEnded(),
      onConnected: (timeBaseUrl) => this.#onConnected(factory.transport, timeBaseUrl),
      onMove: (to) => this.#succession.onGoaway(to),
      onClosed: (error) => this.#onClosed(error),
    });
  }

  #onConnected(transport: TransportName, timeBaseUrl: string): void {
    this.#isUp = true;
    clearTimeout(this.#dialTimer);
    this.#succession.onAlive();
    if (this.#retries.failures > 0) this.#renewal.soon();
    this.#ladder.onConnected();
    if (transport === "webtransport" && rivalOf(this.#options.factories, this.#factory) !== undefined) {
      this.#deps.memory.remember(this.src, transport);
    }
    this.#race.end();
    this.#deps.onTransport(transport);
    this.#clockProbe.start(timeBaseUrl);
  }

  #onAnnounced(): void {
    this.#hasEnded = false;
    this.#watch();
    this.#deps.sink.onAnnounced();
  }

  /** Waiting for a publisher is no failure. */
  #onEnded(): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#hasEnded = true;
    this.#arrivals.stop();
    this.#stopEdgeWatch();
    this.#ladder.onEnded();
    this.#retries.onSuccess();
    this.#deps.sink.onEnded();
  }

  get #isInElement(): boolean {
    return this.#options.factories[this.#factory]?.inElement === true;
  }

  #openSuccessor(src: string, step: SuccessionStep): () => void {
    const factory = this.#options.factories[this.#factory];
    if (factory === undefined) return () => {};
    return (this.#isInElement ? this.#elementMove : this.#move).start(factory, src, step);
  }

  #onRescued(): void {
    if (this.#hasMedia) this.#reconnects += 1;
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#watch();
    this.#deps.onLost(new PlayerError("unreachable", "the edge does not answer"));
  }

  #stopEdgeWatch(): void {
    this.#edgeWatch.stop();
    this.#succession.onAlive();
  }

  /** Returns the session that was in use. */
  #promote(successor: Successor): WatchedSession | undefined {
    const predecessor = this.#upstream && { upstream: this.#upstream, media: this.#media };
    this.#upstream = successor.upstream;
    this.#media = successor.media;
    this.#isUp = true;
    this.#attempt += 1;
    clearTimeout(this.#dialTimer);
    this.#race.end();
    // It may have been changed since the other edge's catalog came.
    if (this.#selection !== undefined) successor.upstream.select(this.#selection);
    if (successor.timeBaseUrl !== undefined) this.#clockProbe.start(successor.timeBaseUrl);
    // Last: who hears of it may close the player.
    this.#deps.onTransport(successor.upstream.transport);
    return predecessor;
  }

  /** A session by another transport beside the one in use, at the same edge. */
  #openTrial(
    rung: number,
    limits: Pick<TransportTrialOptions, "needsProof" | "timeoutMs">,
    then: Pick<TransportTrialDeps, "onReady" | "onFailed">,
  ): TransportTrial | undefined {
    const factory = this.#options.factories[rung];
    // The rival of a race that is still on is dialled already.
    if (factory === undefined || this.#race.rival?.transport === factory.transport) return undefined;
    const { sink } = this.#deps;
    const { request } = this.#options;
    const media = new SessionMedia();
    this.#trialMedia = media;
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
        sink: media.watch(
          {
            ...this.#sinkOf(factory, () => this.#upstream === trial.upstream),
            onCatalog: (catalog) => sink.onCatalog(catalog),
            onTimed: (...args) => sink.onTimed(...args),
          },
          sink,
        ),
      },
    );
    return trial;
  }

  #needsOtherElement(rung: number): boolean {
    const { factories } = this.#options;
    return factories[rung]?.inElement === true && factories[this.#factory]?.inElement === true;
  }

  #takeOver(trial: TransportTrial, rung: number, reason: string, isLost: boolean): void {
    if (isLost && this.#hasMedia) this.#reconnects += 1;
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
    this.#media = this.#trialMedia;
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
    if (this.#race.rival !== undefined && (error.shouldRetry() || isOfTransport)) {
      this.#ladder.onRefused(this.#factory, error);
      this.#takeRival(error.message);
      this.#deps.onLost(error);
      return;
    }
    if (this.#ladder.onClosed(this.#factory, error)) {
      this.#deps.onLost(error);
      return;
    }
    const { goal } = this.#succession;
    this.#drop();
    if (hadMedia) this.#reconnects += 1;
    if (goal !== undefined) {
      // The edge did not wait for us to be where it has sent us.
      this.#movedTo = goal;
      this.#deps.onLost(error);
      this.#open();
      return;
    }
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
    clearTimeout(this.#dialTimer);
    this.#arrivals.stop();
    this.#edgeWatch.stop();
    this.#ladder.stop();
    this.#race.end();
    this.#succession.cancel();
    this.#isUp = false;
    this.#clockProbe.stop();
    clearTimeout(this.#watchdog);
    this.#watchdog = undefined;
    this.#upstream?.close();
    this.#upstream = undefined;
  }

  /** An edge that does not answer may be gone with its machine, and others of the list may be there. */
  #watchDial(): void {
    clearTimeout(this.#dialTimer);
    const hasOthers = this.#edges.sources.length > 1 || this.#edges.ask !== undefined;
    if (this.#isInElement || !hasOthers) return;
    this.#dialTimer = setTimeout(() => this.#succession.onSilent(), DIAL_SILENT_MS);
  }

  #watch(): void {
    if (this.#watchdog !== undefined) return;
    this.#watchdog = setTimeout(() => {
      this.#watchdog = undefined;
      this.#onClosed(new PlayerError("unreachable", "the session brings no media"));
    }, WATCHDOG_MS);
  }
}
