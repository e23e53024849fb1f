import type { ErrorCode } from "./error-codes.ts";
import type { WireFrame } from "./wire-frame.ts";

/** A moq-lite version that this package speaks. */
export type Version = "lite-02" | "lite-03" | "lite-04" | "lite-05";

/** Fixed properties of a track (TRACK_INFO of lite-05; defaults on older versions). */
export interface TrackInfo {
  /** 0 to 255, higher is sent first. */
  readonly priority: number;
  /** True: oldest group first. */
  readonly ordered: boolean;
  /** How long groups that are not the newest stay in cache, milliseconds. */
  readonly maxLatencyMs: number;
  /** Units per second of the frame timestamps. */
  readonly timescale: number;
}

export interface SubscribeOptions {
  readonly priority: number;
  readonly ordered: boolean;
  readonly maxLatencyMs: number;
  /** First wanted group; undefined = the newest. */
  readonly startGroup: number | undefined;
  /** Last wanted group (inclusive); undefined = unbounded. */
  readonly endGroup: number | undefined;
}

// ---------------------------------------------------------------- the side that asks (subscriber)

export interface AnnounceListener {
  /** `path` is complete (prefix + suffix). `hops` is origin first and includes the peer's own id where known. */
  onActive(path: string, hops: readonly number[]): void;
  /** lite-05 repeats an active path to replace its route: `restarted` is true if it is a new broadcast. */
  onReplaced(path: string, hops: readonly number[], restarted: boolean): void;
  onEnded(path: string): void;
  /** The initial set is complete (lite-05 and lite-02; at once on others). */
  onReady(): void;
  /** The peer ended or refused the request; undefined = orderly end. */
  onClosed(code: ErrorCode | undefined): void;
}

export interface AnnounceRequest {
  readonly prefix: string;
  close(): void;
}

export interface IncomingGroupListener {
  /** A whole frame; `frame.wire` belongs to the listener. */
  onFrame(frame: WireFrame): void;
  onEnd(): void;
  onAborted(code: ErrorCode): void;
}

export interface IncomingGroup {
  readonly sequence: number;
  listener: IncomingGroupListener | undefined;
  /** Not wanted any more: STOP_SENDING. */
  stop(code: ErrorCode): void;
}

export interface SubscriptionListener {
  /** Called once before the first group, on every version. */
  onInfo(info: TrackInfo): void;
  /** Set `group.listener` before returning. Groups may arrive out of order. */
  onGroup(group: IncomingGroup): void;
  /** Groups start..end (inclusive) will not come. */
  onDropped(start: number, end: number, code: ErrorCode): void;
  /** The track is done, or the subscription was refused (code). Called once; not after own `close()`. */
  onClosed(code: ErrorCode | undefined): void;
}

export interface Subscription {
  readonly broadcast: string;
  readonly track: string;
  update(options: Partial<SubscribeOptions>): void;
  close(): void;
}

// ---------------------------------------------------------------- the side that answers (publisher)

export interface AnnounceResponder {
  readonly prefix: string;
  /** Leave out routes whose hop chain holds this id; 0 = none. */
  readonly excludeHop: number;
  /** Must be called once, first; `active` entries have complete paths. `hops` without our own id. */
  start(active: readonly { readonly path: string; readonly hops: readonly number[] }[]): void;
  active(path: string, hops: readonly number[]): void;
  ended(path: string): void;
  /** Ends this side; the peer ends his when he has read all of it. */
  finish(): void;
  reject(code: ErrorCode): void;
  /** Called once when the peer has ended his side, by himself or after `finish`, or the session closed. */
  onClosed: (() => void) | undefined;
}

export interface OutgoingGroup {
  readonly sequence: number;
  readonly bufferedBytes: number;
  /** False: wait for `onDrain` of the subscription's listener before writing the next frame. */
  writeFrame(frame: WireFrame): boolean;
  finish(): void;
  abort(code: ErrorCode): void;
  setPriority(priority: number): void;
  /** The owner's object: told about drain and stop. */
  handler: WireGroupHandler | undefined;
}

export interface WireGroupHandler {
  onDrain(): void;
  /** The peer does not want this group any more. */
  onStop(code: ErrorCode): void;
}

export interface SubscribeResponderHandler {
  onUpdate(options: SubscribeOptions): void;
  /** Called once when the peer unsubscribed or the session closed. */
  onClosed(): void;
  /** A group stream may be opened again after `openGroup` had returned undefined. */
  onStreamsAvailable(): void;
}

export interface SubscribeResponder {
  readonly broadcast: string;
  readonly track: string;
  readonly options: SubscribeOptions;
  handler: SubscribeResponderHandler | undefined;
  /** Accept: OK on lite-02 to -04 (with these values); nothing is sent on lite-05 until the first group. */
  accept(info: TrackInfo): void;
  reject(code: ErrorCode): void;
  /** `priority`: 0 to 255 for the transport. Undefined while the stream limit is reached. */
  openGroup(sequence: number, priority: number): OutgoingGroup | undefined;
  drop(start: number, end: number, code: ErrorCode): void;
  /** Sends a group of one frame as a datagram (lite-05); false = dropped, or the version has none. Not every owner needs it. */
  sendDatagram?(sequence: number, frame: WireFrame): boolean;
  /** The track is done; `lastGroup` is the last one that was sent, if any. */
  end(lastGroup: number | undefined): void;
}

export interface TrackInfoResponder {
  readonly broadcast: string;
  readonly track: string;
  respond(info: TrackInfo): void;
  reject(code: ErrorCode): void;
}

export interface FetchResponder {
  readonly broadcast: string;
  readonly track: string;
  readonly group: number;
  readonly priority: number;
  writeFrame(frame: WireFrame): boolean;
  finish(): void;
  reject(code: ErrorCode): void;
  handler: WireGroupHandler | undefined;
}

/** What a peer answers to our PROBE. */
export interface ProbeListener {
  /** 0 = unknown. */
  onReport(bitrateBps: number, rttMs: number): void;
  /** The peer ended or refused it. Not after own `close()`. */
  onClosed(): void;
}

export interface FetchListener {
  onFrame(frame: WireFrame): void;
  onEnd(): void;
  onFailed(code: ErrorCode): void;
}

/** Answers a peer's PROBE with estimates for as long as it is open. */
export interface ProbeResponder {
  report(bitrateBps: number, rttMs: number): void;
  onClosed: (() => void) | undefined;
}

/** What the owner of a `MoqSession` implements. A request that is not of interest is rejected by the owner. */
export interface MoqSessionHandler {
  /** The version is agreed; requests may be made (earlier ones wait in a bounded queue). */
  onReady(version: Version): void;
  /** lite-05 SETUP parameters of the peer, when they arrive. `path` only on transports without a URL. */
  onPeerSetup(setup: PeerSetup): void;
  onAnnounceRequest(request: AnnounceResponder): void;
  onTrackInfoRequest(request: TrackInfoResponder): void;
  onSubscribe(request: SubscribeResponder): void;
  onFetch(request: FetchResponder): void;
  onProbe(request: ProbeResponder): void;
  onGoaway(uri: string): void;
  /** A datagram group (lite-05): one frame. */
  onDatagramFrame(subscription: Subscription, sequence: number, frame: WireFrame): void;
}

export interface PeerSetup {
  readonly path: string | undefined;
  readonly originId: number | undefined;
  readonly probeLevel: number;
  readonly role: "publisher" | "subscriber" | "both";
}
