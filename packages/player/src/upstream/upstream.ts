import type { Catalog } from "@canopy/media/catalog";
import type { TimedMessage } from "@canopy/media/timed";
import type { Clock } from "../clock.ts";
import type { PlayerError } from "../player-error.ts";
import type { EncodedFrame } from "../store/encoded-frame.ts";
import type { TimedSource } from "../timed/timed-queue.ts";

/** The ways to an edge, as in the attribute `transports`. */
export type TransportName = "webtransport" | "websocket" | "whep" | "hls";

export type TrackKind = "video" | "audio";

/** What a player wants from an edge. */
export interface UpstreamRequest {
  /** One edge, such as `https://edge:4443/root`. */
  readonly src: string;
  /** Relative to the path of `src`. */
  readonly broadcast: string;
  readonly token: string | undefined;
  /** Wished latency, ms. */
  readonly latencyMs: number;
  /** Present at the same time as every other viewer with the same latency. */
  readonly isSync: boolean;
  /** Where a transport presents that has its own decoder; undefined without a page. */
  readonly mediaElement: HTMLVideoElement | undefined;
  /** The player paints pictures that are given to it (`onDecodedFrame`). */
  readonly canPaint: boolean;
}

export interface UpstreamDeps {
  readonly clock: Clock;
  readonly fetch: typeof fetch;
  /** The edge's clock minus this machine's, µs, once it is known. */
  readonly serverOffsetUs: () => number | undefined;
  /** Capture to picture that the player paints at, ms. */
  readonly targetLatencyMs: () => number;
}

/** Track names to receive; undefined = none of this kind. */
export interface TrackSelection {
  readonly video: string | undefined;
  readonly audio: string | undefined;
}

/** A frame that the browser's own element has presented (`requestVideoFrameCallback`). */
export interface ElementFrame {
  /** µs of media time; undefined while the transport does not know it. */
  readonly timestampUs: number | undefined;
  /** Local time, µs. */
  readonly presentedAtUs: number;
  readonly width: number;
  readonly height: number;
}

/** What is known of a picture that the browser has decoded by itself. */
export interface DecodedTiming {
  /** µs of media time; undefined while the transport does not know it. */
  readonly timestampUs: number | undefined;
  /** How long it was held back because the transport asked for it, µs. */
  readonly heldUs: number;
}

/**
 * What an upstream tells the player. Transports that receive encoded frames call the `onGroup…`/`onFrame` methods;
 * those whose media the browser itself receives call `onDecodedFrame` and `onElementSound`, or, where they cannot get
 * at the pictures, let the browser's own element present them and call the `onElement…` methods.
 */
export interface UpstreamSink {
  /** The session is up. `timeBaseUrl` serves GET /v1/time. */
  onConnected(timeBaseUrl: string): void;
  /** The first and every changed catalog; the player answers with `select`. */
  onCatalog(catalog: Catalog): void;
  onGroupOpen(kind: TrackKind, track: string, sequence: number): void;
  /** Frames of one group come in decode order. */
  onFrame(kind: TrackKind, track: string, sequence: number, frame: EncodedFrame): void;
  onGroupEnd(kind: TrackKind, track: string, sequence: number, aborted: boolean): void;
  /** The frame is the player's, which closes it. */
  onDecodedFrame(frame: VideoFrame, timing: DecodedTiming): void;
  /** Capture to what the element lets be heard, µs, without what it was held back for; told while pictures are painted. */
  onElementSound(transitUs: number, isAudible: boolean): void;
  onElementFrame(frame: ElementFrame): void;
  /** Without a picture: the media time of what the element lets be heard at `presentedAtUs` of local time. */
  onElementTime(timestampUs: number, presentedAtUs: number): void;
  /** The element is about to lose its picture. Comes during `close()`, too. */
  onElementReset(): void;
  /** The browser plays the element only without sound until the viewer does something. */
  onElementSoundBlocked(): void;
  /** `sequence`: of the group that brought it, where messages have a track of their own. */
  onTimed(message: TimedMessage, source: TimedSource, sequence?: number): void;
  /**
   * Where messages have a track of their own: the edge sends what appears on it from now on, or there is none. Media
   * may come sooner. May be told more than once.
   */
  onTimedReady(): void;
  /** The broadcast began, or came back after `onEnded`. */
  onAnnounced(): void;
  /** The publisher is gone; the session stays up and waits for it. */
  onEnded(): void;
  /** The edge is about to stop and asks its viewers to go on at another one; "" = any. Comes from outside. */
  onMove(src: string): void;
  /** The upstream is dead. Called at most once, not after `close()`. */
  onClosed(error: PlayerError): void;
}

export interface UpstreamStats {
  /** Round trip, ms; 0 = unknown. */
  readonly rttMs: number;
  readonly receivedBytes: number;
  readonly lostPackets: number;
  /** Groups that the edge aborted or left out. */
  readonly lostGroups: number;
  /** Of transports whose media goes into the browser's own element. */
  readonly element?: ElementStats | undefined;
}

/** What the browser says about the media that it decodes by itself. */
export interface ElementStats {
  readonly targetLatencyMs: number;
  readonly jitterMs: number;
  /** How long frames wait before they are decoded, ms. */
  readonly bufferMs: number;
  /** 1 = normal, and what it is where the browser sees to it by itself. */
  readonly playbackRate?: number;
  readonly decodedFrames: number;
  readonly droppedFrames: number;
  readonly freezes: number;
  /** 0 to 1, before volume and mute; 0 where the browser does not tell. */
  readonly audioPeak: number;
  /** Times that missing sound had to be made up. */
  readonly audioUnderruns: number;
  readonly videoCodec: string | undefined;
  readonly audioCodec: string | undefined;
}

export interface Upstream {
  readonly transport: TransportName;
  select(selection: TrackSelection): void;
  stats(): UpstreamStats;
  /**
   * Asks the edge for a sign of life on the session itself; `onAnswer` is called at most once, later than this call.
   * The result withdraws the question. Only of upstreams that can stand beside another one: those whose media goes
   * into the page's one media element have none.
   */
  probe?(onAnswer: () => void): () => void;
  /** Idempotent; no sink method but `onElementReset` is called afterwards. */
  close(): void;
}

/** One way to play; registered in a list, best first. */
export interface UpstreamFactory {
  readonly transport: TransportName;
  /** It presents in the browser's own element, of which the page has one. */
  readonly inElement?: boolean;
  /** Why this browser cannot use it, or undefined if it can. */
  unsupportedReason(): string | undefined;
  /** Starts to connect at once; everything else comes through the sink, later than this call. */
  open(request: UpstreamRequest, sink: UpstreamSink, deps: UpstreamDeps): Upstream;
}
