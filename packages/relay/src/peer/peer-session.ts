import {
  type AnnounceResponder,
  ERROR_CODES,
  type ErrorCode,
  type FetchResponder,
  type MoqSessionHandler,
  type PeerSetup,
  type ProbeResponder,
  type SubscribeResponder,
  type Subscription,
  type TrackInfoResponder,
  type Version,
  type WireFrame,
} from "@canopy/protocol";
import type { Clock } from "@canopy/runtime";
import type { BidiStream, ReceiveStream, Session, SessionClose, SessionHandler } from "@canopy/transport";
import type { DownstreamSession } from "../downstream/downstream-session.ts";
import type { UpstreamSession } from "../upstream/upstream-session.ts";
import type { CreateMoqConnection, MoqConnection } from "./moq-connection.ts";

export interface PeerSessionOptions {
  readonly role: "client" | "server";
  readonly originId: number;
  readonly clock: Clock;
  /** Path with query that a client sends where the transport has no URL. */
  readonly path?: string | undefined;
}

/** What the owner of a peer wants to know. */
export interface PeerSessionEvents {
  onPeerSetup?(setup: PeerSetup): void;
  onVersion?(version: Version): void;
  onGoaway?(uri: string): void;
  /** Called once, after both sides let go of everything. */
  onClose(close: SessionClose): void;
}

/** Requests of a peer that wait until it is known what he may do; more are refused. */
const MAX_EARLY_REQUESTS = 64;

/**
 * Joins a transport session, its protocol session and the two sides that use it: `downstream` serves the peer,
 * `upstream` takes broadcasts from it. Either may be absent; requests that come before `downstream` is set wait.
 */
export class PeerSession implements SessionHandler, MoqSessionHandler {
  readonly session: Session;
  readonly moq: MoqConnection;
  upstream: UpstreamSession | undefined;
  private readonly events: PeerSessionEvents;
  private readonly role: "client" | "server";
  private served: DownstreamSession | undefined;
  private early: ((downstream: DownstreamSession) => void)[] | undefined;
  private closed = false;

  /** `serves` is false for a peer that is never served, such as a parent. */
  constructor(
    session: Session,
    options: PeerSessionOptions & { readonly serves: boolean },
    createMoq: CreateMoqConnection,
    events: PeerSessionEvents,
  ) {
    this.session = session;
    this.events = events;
    this.role = options.role;
    this.early = options.serves ? [] : undefined;
    const { role, originId, path, clock } = options;
    this.moq = createMoq({ wire: session, role, originId, path, nowUs: () => clock.nowUs() }, this);
    session.handler = this;
  }

  get downstream(): DownstreamSession | undefined {
    return this.served;
  }

  /** From now on the peer is served; what it asked for already is answered first. */
  serve(downstream: DownstreamSession): void {
    this.served = downstream;
    const waiting = this.early ?? [];
    this.early = undefined;
    for (const request of waiting) request(downstream);
  }

  // ------------------------------------------------------------ transport events

  onUniStream(stream: ReceiveStream): void {
    this.moq.onUniStream(stream);
  }

  onBidiStream(stream: BidiStream): void {
    this.moq.onBidiStream(stream);
  }

  onDatagram(bytes: Uint8Array): void {
    this.moq.onDatagram(bytes);
  }

  onStreamsAvailable(): void {
    this.moq.onStreamsAvailable();
  }

  onClose(close: SessionClose): void {
    // A publisher that says good-bye is done; a parent that does so is being stopped, and others have its broadcasts.
    const orderly = close.remote && close.code === ERROR_CODES.cancel && this.role === "server";
    this.finish({ linger: !orderly }, close);
  }

  // ------------------------------------------------------------ protocol events

  onReady(version: Version): void {
    this.events.onVersion?.(version);
  }

  onPeerSetup(setup: PeerSetup): void {
    this.events.onPeerSetup?.(setup);
  }

  onGoaway(uri: string): void {
    this.events.onGoaway?.(uri);
  }

  onDatagramFrame(subscription: Subscription, sequence: number, frame: WireFrame): void {
    this.upstream?.onDatagramFrame(subscription, sequence, frame);
  }

  onAnnounceRequest(request: AnnounceResponder): void {
    this.dispatch(request, (downstream) => downstream.onAnnounceRequest(request));
  }

  onTrackInfoRequest(request: TrackInfoResponder): void {
    this.dispatch(request, (downstream) => downstream.onTrackInfoRequest(request));
  }

  onSubscribe(request: SubscribeResponder): void {
    this.dispatch(request, (downstream) => downstream.onSubscribe(request));
  }

  onFetch(request: FetchResponder): void {
    this.dispatch(request, (downstream) => downstream.onFetch(request));
  }

  onProbe(request: ProbeResponder): void {
    this.served?.onProbe(request);
  }

  private dispatch(
    request: { reject(code: ErrorCode): void },
    act: (downstream: DownstreamSession) => void,
  ): void {
    if (this.served !== undefined) act(this.served);
    else if (this.early !== undefined && this.early.length < MAX_EARLY_REQUESTS) this.early.push(act);
    else request.reject(this.early === undefined ? ERROR_CODES.unauthorized : ERROR_CODES.boundsExceeded);
  }

  // ------------------------------------------------------------ end

  /**
   * Closes the session with a protocol code. `linger`: its broadcasts may come back by another session.
   * Idempotent.
   */
  close(code: ErrorCode, reason: string, options: { readonly linger: boolean }): void {
    this.finish(options, { code, reason, remote: false });
  }

  private finish(options: { readonly linger: boolean }, close: SessionClose): void {
    if (this.closed) return;
    this.closed = true;
    this.early = undefined;
    // Our two sides first: for them this is not the end of the broadcasts, only of a way to them.
    this.upstream?.close(options);
    this.served?.close();
    if (!this.session.closed) this.moq.close(close.code ?? ERROR_CODES.cancel, close.reason);
    this.moq.onTransportClosed();
    if (!this.session.closed) this.session.close(close.code ?? ERROR_CODES.cancel, close.reason);
    this.events.onClose(close);
  }
}
