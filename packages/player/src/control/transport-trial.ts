import { PlayerError } from "../player-error.ts";
import type {
  TrackKind,
  TrackSelection,
  Upstream,
  UpstreamDeps,
  UpstreamFactory,
  UpstreamRequest,
  UpstreamSink,
} from "../upstream/upstream.ts";

/** A better way has to bring media for this long... */
const PROOF_MS = 3_000;

/** ...without a pause that a viewer would notice. */
const MAX_GAP_MS = 600;

export interface TransportTrialOptions {
  readonly factory: UpstreamFactory;
  readonly request: UpstreamRequest;
  /** False: it takes over with its first media. */
  readonly needsProof: boolean;
  /** What brings no media by then does not get through. */
  readonly timeoutMs: number;
  /** Tracks that the player has chosen, if it has. */
  readonly selection: () => TrackSelection | undefined;
}

export interface TransportTrialDeps {
  readonly upstream: UpstreamDeps;
  /** Where everything goes once it has taken over; the catalog and timed messages before, too. */
  readonly sink: UpstreamSink;
  /** It can take over. Calls `promote`, or closes it. */
  readonly onReady: (trial: TransportTrial) => void;
  readonly onFailed: (error: PlayerError) => void;
}

/** A session by another transport beside the one in use. */
export class TransportTrial {
  readonly upstream: Upstream;
  readonly #options: TransportTrialOptions;
  readonly #deps: TransportTrialDeps;
  readonly #timer: ReturnType<typeof setTimeout>;
  #state: "waiting" | "promoted" | "closed" = "waiting";
  #timeBaseUrl: string | undefined;
  #isSoundBlocked = false;
  #provenSinceMs: number | undefined;
  #mediaAtMs = 0;
  readonly #groups: Partial<Record<TrackKind, number>> = {};

  constructor(options: TransportTrialOptions, deps: TransportTrialDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#timer = setTimeout(
      () => this.#fail(new PlayerError("unreachable", "it brings no media")),
      options.timeoutMs,
    );
    this.upstream = options.factory.open(options.request, this.#createSink(), deps.upstream);
  }

  /** Base of the edge's HTTP endpoints; undefined while it is not connected. */
  get timeBaseUrl(): string | undefined {
    return this.#timeBaseUrl;
  }

  /** From now on it is the upstream in use. */
  promote(): void {
    if (this.#state !== "waiting") return;
    this.#state = "promoted";
    clearTimeout(this.#timer);
    if (this.#isSoundBlocked) this.#deps.sink.onElementSoundBlocked();
  }

  /** Gives up a trial; does nothing to an upstream that has taken over. Idempotent. */
  close(): void {
    if (this.#state !== "waiting") return;
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.upstream.close();
  }

  /** What it brings cannot be played. */
  fail(error: PlayerError): void {
    this.#fail(error);
  }

  #fail(error: PlayerError): void {
    if (this.#state !== "waiting") return;
    this.close();
    this.#deps.onFailed(error);
  }

  #createSink(): UpstreamSink {
    const { sink } = this.#deps;
    const isInUse = (): boolean => this.#state === "promoted";
    return {
      onConnected: (timeBaseUrl) => {
        this.#timeBaseUrl = timeBaseUrl;
        if (isInUse()) sink.onConnected(timeBaseUrl);
      },
      // The player answers with what it chooses, for this session, too.
      onCatalog: (catalog) => this.#state !== "closed" && sink.onCatalog(catalog),
      onGroupOpen: (kind, track, sequence) => isInUse() && this.#openGroup(kind, track, sequence),
      onFrame: (kind, track, sequence, frame) => {
        this.#onMedia(this.#canBegin(kind, frame.isKey));
        if (!isInUse()) return;
        // Groups that began before it took over.
        if (this.#groups[kind] !== sequence) this.#openGroup(kind, track, sequence);
        sink.onFrame(kind, track, sequence, frame);
      },
      onGroupEnd: (...args) => isInUse() && sink.onGroupEnd(...args),
      onDecodedFrame: (frame, timing) => {
        this.#onMedia(true);
        if (isInUse()) sink.onDecodedFrame(frame, timing);
        else frame.close();
      },
      onElementSound: (...args) => isInUse() && sink.onElementSound(...args),
      onElementFrame: (frame) => {
        this.#onMedia(true);
        if (isInUse()) sink.onElementFrame(frame);
      },
      onElementTime: (...args) => {
        this.#onMedia(true);
        if (isInUse()) sink.onElementTime(...args);
      },
      onElementReset: () => isInUse() && sink.onElementReset(),
      onElementSoundBlocked: () => {
        this.#isSoundBlocked = true;
        if (isInUse()) sink.onElementSoundBlocked();
      },
      onTimed: (...args) => this.#state !== "closed" && sink.onTimed(...args),
      onTimedReady: () => sink.onTimedReady(),
      onAnnounced: () => isInUse() && sink.onAnnounced(),
      onEnded: () => {
        if (isInUse()) sink.onEnded();
        else this.#fail(new PlayerError("unreachable", "the broadcast is not there"));
      },
      onMove: (src) => isInUse() && sink.onMove(src),
      onClosed: (error) => {
        if (isInUse()) sink.onClosed(error);
        else this.#fail(error);
      },
    };
  }

  #openGroup(kind: TrackKind, track: string, sequence: number): void {
    this.#groups[kind] = sequence;
    this.#deps.sink.onGroupOpen(kind, track, sequence);
  }

  /** Media that can be played from here on: a picture that needs no other, or sound where there is no picture. */
  #canBegin(kind: TrackKind, isKey: boolean): boolean {
    const selection = this.#options.selection();
    if (selection === undefined) return false;
    return kind === "video" ? isKey : selection.video === undefined;
  }

  /** `canBegin`: the player could take it from here. */
  #onMedia(canBegin: boolean): void {
    if (this.#state !== "waiting") return;
    const nowMs = performance.now();
    if (this.#provenSinceMs === undefined || nowMs - this.#mediaAtMs > MAX_GAP_MS)
      this.#provenSinceMs = nowMs;
    this.#mediaAtMs = nowMs;
    const isProven = !this.#options.needsProof || nowMs - this.#provenSinceMs >= PROOF_MS;
    if (canBegin && isProven) this.#deps.onReady(this);
  }
}
