import {
  type AnnounceRequest,
  chooseProtocol,
  ERROR_CODES,
  forwardEvents,
  MOQ_PROTOCOLS,
  MoqSession,
  normalizePath,
} from "@canopy/protocol";
import type { Session, SessionClose } from "@canopy/transport";
import { PlayerError } from "../../player-error.ts";
import type {
  TrackSelection,
  TransportName,
  Upstream,
  UpstreamDeps,
  UpstreamRequest,
  UpstreamSink,
  UpstreamStats,
} from "../upstream.ts";
import { BroadcastTracks } from "./broadcast-tracks.ts";
import type { DialedSession, DialOptions } from "./dialed-session.ts";
import { viewerHandler } from "./viewer-handler.ts";

/** The session's deadlines are counted in seconds. */
const TICK_MS = 1_000;

/** Refusals of an announced broadcast's catalog before another edge is tried. */
const MAX_REFUSALS = 3;

export interface MoqUpstreamOptions {
  readonly transport: TransportName;
  readonly dial: (request: UpstreamRequest, options: DialOptions) => Promise<DialedSession>;
}

/** Receives a broadcast over MoQ: announcement, catalog, then the selected tracks. */
export class MoqUpstream implements Upstream {
  readonly transport: TransportName;
  readonly #sink: UpstreamSink;
  readonly #path: string;
  readonly #abort = new AbortController();
  #session: Session | undefined;
  #moq: MoqSession | undefined;
  #announcements: AnnounceRequest | undefined;
  #tracks: BroadcastTracks | undefined;
  #isAnnounced = false;
  #isSentAway = false;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  #lostGroups = 0;
  #refusals = 0;
  #closed = false;

  constructor(options: MoqUpstreamOptions, request: UpstreamRequest, sink: UpstreamSink, deps: UpstreamDeps) {
    this.transport = options.transport;
    this.#sink = sink;
    this.#path = normalizePath(request.broadcast);
    options.dial(request, { ...deps, protocols: MOQ_PROTOCOLS, signal: this.#abort.signal }).then(
      (dialed) => this.#onDialed(dialed),
      (cause: unknown) => this.#fail(PlayerError.of(cause, "unreachable", "no session to the edge")),
    );
  }

  select(selection: TrackSelection): void {
    this.#tracks?.select(selection);
  }

  stats(): UpstreamStats {
    const stats = this.#session?.stats();
    return {
      rttMs: stats?.rttMs ?? 0,
      receivedBytes: stats?.receivedBytes ?? 0,
      lostPackets: stats?.lostPackets ?? 0,
      lostGroups: this.#lostGroups,
    };
  }

  /** By asking for the announcement once more, which every version answers at once. */
  probe(onAnswer: () => void): () => void {
    let request: AnnounceRequest | undefined;
    let isOver = false;
    const withdraw = (): void => {
      if (isOver) return;
      isOver = true;
      request?.close();
    };
    const answered = (): void => {
      if (isOver) return;
      withdraw();
      onAnswer();
    };
    request = this.#moq?.announcements(this.#path, 0, {
      onActive: answered,
      onReplaced: answered,
      onEnded: answered,
      onReady: answered,
      // The end of the session is no answer of the edge.
      onClosed: (code) => code !== ERROR_CODES.transport && answered(),
    });
    return withdraw;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    clearInterval(this.#tickTimer);
    this.#tracks?.close();
    this.#announcements?.close();
    this.#moq?.close(ERROR_CODES.cancel, "viewer left");
    this.#session?.close(ERROR_CODES.cancel, "viewer left");
  }

  #onDialed(dialed: DialedSession): void {
    const { session } = dialed;
    if (this.#closed) {
      session.close(ERROR_CODES.cancel, "viewer left");
      return;
    }
    this.#session = session;
    const protocol = session.protocol;
    if (protocol !== "" && chooseProtocol([protocol]) === undefined) {
      this.#fail(new PlayerError("protocol", `the edge speaks ${protocol}`));
      return;
    }
    const moq = new MoqSession(
      { wire: session, role: "client", originId: randomOriginId() },
      viewerHandler({ onGoaway: (uri) => this.#onGoaway(uri) }),
    );
    this.#moq = moq;
    moq.onTick(performance.now());
    this.#tickTimer = setInterval(() => moq.onTick(performance.now()), TICK_MS);
    session.handler = forwardEvents(moq, (close) => this.#onSessionClosed(close));
    this.#sink.onConnected(dialed.timeBaseUrl);
    // Asking for catalog and media beside the announcement saves two round trips when the broadcast is live.
    this.#subscribe(moq, true);
    this.#announcements = moq.announcements(this.#path, 0, {
      onActive: (path) => this.#onActive(path, false),
      onReplaced: (path, _hops, restarted) => this.#onActive(path, restarted),
      onEnded: (path) => this.#onEnded(path),
      onReady: () => {
        if (!this.#isAnnounced && !this.#closed) this.#sink.onEnded();
      },
      onClosed: (code) => {
        if (code === ERROR_CODES.unauthorized) {
          this.#fail(new PlayerError("unauthorized", "the edge refuses this broadcast"));
        }
      },
    });
  }

  #onActive(path: string, restarted: boolean): void {
    if (this.#closed || path !== this.#path || this.#moq === undefined) return;
    const wasAnnounced = this.#isAnnounced;
    this.#isAnnounced = true;
    if (restarted) this.#dropTracks();
    if (!wasAnnounced || restarted) this.#sink.onAnnounced();
    this.#subscribe(this.#moq, true);
  }

  #onEnded(path: string): void {
    if (this.#closed || path !== this.#path) return;
    this.#isAnnounced = false;
    this.#dropTracks();
    this.#sink.onEnded();
  }

  #dropTracks(): void {
    this.#tracks?.close();
    this.#tracks = undefined;
  }

  #subscribe(moq: MoqSession, isEager: boolean): void {
    if (this.#tracks !== undefined) return;
    const tracks: BroadcastTracks = new BroadcastTracks(this.#path, isEager, {
      session: moq,
      sink: this.#sink,
      onLoss: () => {
        this.#lostGroups += 1;
      },
      onGone: (code) => this.#onTracksGone(tracks, code),
      onFailed: (error) => this.#fail(error),
    });
    this.#tracks = tracks;
  }

  #onTracksGone(tracks: BroadcastTracks, code: number | undefined): void {
    if (this.#closed || this.#tracks !== tracks) return;
    if (code === ERROR_CODES.unauthorized) {
      this.#fail(new PlayerError("unauthorized", "the edge refuses this broadcast"));
      return;
    }
    const hadCatalog = tracks.hasCatalog;
    this.#dropTracks();
    if (!this.#isAnnounced) return;
    // The end of a catalog is followed by news of its broadcast. A refusal beside an announcement belonged to
    // the time before it: ask again, though not for ever.
    if (hadCatalog || this.#moq === undefined) return;
    this.#refusals += 1;
    if (this.#refusals < MAX_REFUSALS) this.#subscribe(this.#moq, false);
    else this.#fail(new PlayerError("unreachable", "the edge announces a broadcast that it does not have"));
  }

  #onGoaway(uri: string): void {
    // Once: an edge that repeats itself must not keep its viewers dialling.
    if (this.#closed || this.#isSentAway) return;
    this.#isSentAway = true;
    this.#sink.onMove(uri);
  }

  #onSessionClosed(close: SessionClose): void {
    const code = close.code === ERROR_CODES.unauthorized ? "unauthorized" : "unreachable";
    this.#fail(new PlayerError(code, `session closed: ${close.reason || "connection lost"}`));
  }

  #fail(error: PlayerError): void {
    if (this.#closed) return;
    this.close();
    this.#sink.onClosed(error);
  }
}

/** Hop ids are kept to 53 bits and are never 0 (moq-lite: 0 = unknown). */
function randomOriginId(): number {
  return 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1));
}
