import { dialectOfProtocol, LEGACY_DIALECT } from "../choose-dialect.ts";
import { ByteReader } from "../codec/byte-reader.ts";
import { encodeFrame } from "../codec/encode-frame.ts";
import type { Dialect } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { DEFAULT_LIMITS, type MoqLimits } from "../limits.ts";
import { normalizePath } from "../path.ts";
import { ProtocolError } from "../protocol-error.ts";
import type {
  AnnounceListener,
  AnnounceRequest,
  FetchListener,
  MoqSessionHandler,
  PeerSetup,
  ProbeListener,
  SubscribeOptions,
  Subscription,
  SubscriptionListener,
  Version,
} from "../session-interface.ts";
import { BIDI_TYPES, UNI_TYPES } from "../stream-types.ts";
import type { WireBidiStream, WireReceiveStream, WireSession } from "../wire-session.ts";
import { OutgoingAnnounceRequest } from "./announce-request.ts";
import { type ControlMachine, ControlStream } from "./control-stream.ts";
import { OutgoingFetch } from "./fetch-request.ts";
import { sendGoaway } from "./goaway-stream.ts";
import { StreamTypeReader } from "./incoming-bidi.ts";
import { IncomingRequests } from "./incoming-requests.ts";
import { type IncomingUniDeps, IncomingUniStream } from "./incoming-uni.ts";
import { LegacyClientSetup, LegacyServerSetup } from "./legacy-setup.ts";
import { OutgoingProbe } from "./probe-request.ts";
import { CONTROL_PRIORITY, SessionCore } from "./session-core.ts";
import type { SessionCounters } from "./session-counters.ts";
import { OutgoingSubscription } from "./subscription.ts";
import { TrackInfoCache } from "./track-info-cache.ts";

export interface MoqSessionOptions {
  /** The transport; its `protocol` decides the version. The owner forwards its events to the methods `on…`. */
  readonly wire: WireSession;
  readonly role: "client" | "server";
  /** Own hop id: random, not 0, at most 2^53-1. */
  readonly originId: number;
  /** `path?query`, sent by clients on transports without a URL (lite-05). */
  readonly path?: string;
  /** What we answer to PROBE: 0 nothing (default), 1 reports, 2 also raises the rate on request. */
  readonly probeLevel?: number;
  readonly limits?: Partial<MoqLimits>;
  /** Timestamp in µs for frames of versions without timestamps; default: the time of the last `onTick`. */
  readonly stampTimestamp?: (payload: Uint8Array) => number;
}

/**
 * One moq-lite session over one transport session, without I/O and without a clock. Either side publishes and
 * subscribes: the methods here ask the peer, the handler answers it.
 *
 * The owner forwards `onUniStream`, `onBidiStream`, `onDatagram`, `onStreamsAvailable` and, at the end,
 * `onTransportClosed` (see `forwardEvents`), and calls `onTick` about once a second. Handlers and listeners are called from inside
 * those (and from stream callbacks), never from inside the owner's own call; they may call anything.
 * `handler.onReady` comes before any other call. Requests may be made right after construction.
 */
export class MoqSession {
  readonly #core: SessionCore;
  readonly #handler: MoqSessionHandler;
  readonly #requests: IncomingRequests;
  readonly #tracks: TrackInfoCache;
  readonly #subscriptions = new Map<number, OutgoingSubscription>();
  readonly #uniDeps: IncomingUniDeps;
  #nextSubscribeId = 0;
  #incomingStreams = 0;
  #peerSetup: PeerSetup | undefined;
  #legacySetupSeen = false;
  #ended = false;

  /** @throws RangeError for an origin id that peers refuse. */
  constructor(options: MoqSessionOptions, handler: MoqSessionHandler) {
    if (!Number.isSafeInteger(options.originId) || options.originId <= 0) {
      throw new RangeError(`${options.originId} is not an origin id`);
    }
    this.#handler = handler;
    this.#core = new SessionCore({
      wire: options.wire,
      originId: options.originId,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      stampTimestamp: options.stampTimestamp,
    });
    this.#requests = new IncomingRequests(this.#core, handler);
    this.#tracks = new TrackInfoCache(this.#core);
    this.#uniDeps = {
      core: this.#core,
      subscriptionOf: (id) => this.#subscriptions.get(id),
      onSetup: (setup) => this.#onPeerSetup(setup),
      onOver: () => {
        this.#incomingStreams--;
      },
    };
    this.#start(options);
  }

  /** Undefined until the legacy SETUP has agreed on one. */
  get version(): Version | undefined {
    return this.#core.dialect?.version;
  }

  get counters(): Readonly<SessionCounters> {
    return this.#core.counters;
  }

  /** SETUP of the peer (lite-05), once it has come. */
  get peerSetup(): PeerSetup | undefined {
    return this.#peerSetup;
  }

  /** Asks for the broadcasts under `prefix` whose routes do not pass through `excludeHop` (0 = any). */
  announcements(prefix: string, excludeHop: number, listener: AnnounceListener): AnnounceRequest {
    return new OutgoingAnnounceRequest(
      { prefix: normalizePath(prefix), excludeHop },
      { core: this.#core, listener, onBroadcastChanged: (path) => this.#tracks.forgetBroadcast(path) },
    );
  }

  subscribe(
    broadcast: string,
    track: string,
    options: SubscribeOptions,
    listener: SubscriptionListener,
  ): Subscription {
    const id = this.#nextSubscribeId++;
    const subscription = new OutgoingSubscription(
      { id, broadcast: normalizePath(broadcast), track, options },
      {
        core: this.#core,
        tracks: this.#tracks,
        listener,
        onOver: () => this.#subscriptions.delete(id),
      },
    );
    this.#subscriptions.set(id, subscription);
    return subscription;
  }

  /** Asks for one group of the peer's cache (lite-05; fails with `unsupported` on older versions). */
  fetch(
    broadcast: string,
    track: string,
    group: number,
    priority: number,
    listener: FetchListener,
  ): { close(): void } {
    const request = { broadcast: normalizePath(broadcast), track, group, priority };
    return new OutgoingFetch(this.#core, request, listener);
  }

  /** Asks for bandwidth estimates; undefined if the peer has not offered any in its SETUP. */
  probe(listener: ProbeListener): { close(): void } | undefined {
    return (this.#peerSetup?.probeLevel ?? 0) > 0 ? new OutgoingProbe(this.#core, listener) : undefined;
  }

  goaway(uri: string): void {
    sendGoaway(this.#core, uri);
  }

  /** Closes the transport session; everything open ends when the owner reports `onTransportClosed`. */
  close(code: number, reason: string): void {
    this.#core.close(code, reason);
  }

  onUniStream(stream: WireReceiveStream): void {
    this.#core.runDeferred();
    if (this.#ended || this.#isOverStreamLimit()) {
      stream.stop(ERROR_CODES.boundsExceeded);
      return;
    }
    this.#incomingStreams++;
    new IncomingUniStream(stream, this.#uniDeps);
  }

  onBidiStream(stream: WireBidiStream): void {
    this.#core.runDeferred();
    if (this.#ended || this.#isOverStreamLimit()) {
      stream.stop(ERROR_CODES.boundsExceeded);
      stream.reset(ERROR_CODES.boundsExceeded);
      return;
    }
    this.#incomingStreams++;
    const control: ControlStream = new ControlStream(
      this.#core,
      stream,
      (self) => new StreamTypeReader(this.#core, self, (type, owner) => this.#createMachine(type, owner)),
    );
    control.onOver ??= () => {
      this.#incomingStreams--;
    };
  }

  onDatagram(bytes: Uint8Array): void {
    this.#core.runDeferred();
    const codec = this.#core.dialect?.datagram;
    if (codec === undefined || this.#ended) {
      return;
    }
    try {
      const message = codec.read(new ByteReader(bytes));
      const subscription = this.#subscriptions.get(message.subscribeId);
      if (subscription === undefined) {
        this.#core.counters.groupsWithoutSubscription++;
        return;
      }
      const frame = encodeFrame(message.timestamp, 0, message.payload);
      this.#handler.onDatagramFrame(subscription, message.sequence, frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) {
        throw error;
      }
      this.#core.counters.malformedDatagrams++;
    }
  }

  onStreamsAvailable(): void {
    this.#core.runDeferred();
    this.#core.openings.flush();
    this.#requests.onStreamsAvailable();
  }

  /** Tells the time, in milliseconds of any epoch; returns when to call again at the latest, if anything waits. */
  onTick(nowMs: number): number | undefined {
    this.#core.nowMs = nowMs;
    this.#core.runDeferred();
    return this.#core.deadlines.tick(nowMs);
  }

  /** The transport session is over: everything that is open ends, with the code `transport`. Idempotent. */
  onTransportClosed(): void {
    if (this.#ended) {
      return;
    }
    this.#core.runDeferred();
    this.#ended = true;
    this.#core.closed = true;
    this.#core.deadlines.clear();
    this.#core.openings.refuseAll();
    this.#core.runDeferred();
    for (const member of [...this.#core.members]) {
      member.onSessionClosed();
    }
    this.#core.members.clear();
    // Those whose stream had ended already, but not their groups.
    for (const subscription of [...this.#subscriptions.values()]) {
      subscription.onSessionClosed();
    }
    this.#core.runDeferred();
  }

  #start(options: MoqSessionOptions): void {
    const dialect = dialectOfProtocol(options.wire.protocol);
    if (dialect !== undefined) {
      // SETUP is the first stream: moq-relay serves nothing before it (moq-lite, SETUP).
      this.#sendSetup(dialect, options);
      this.#agreeOn(dialect);
      return;
    }
    const { setup } = LEGACY_DIALECT;
    if (options.role === "client" && setup.kind === "legacy") {
      new LegacyClientSetup(this.#core, setup, () => this.#agreeOn(LEGACY_DIALECT));
    }
  }

  #agreeOn(dialect: Dialect): void {
    this.#core.defer(() => this.#handler.onReady(dialect.version));
    this.#core.agreeOn(dialect);
  }

  #sendSetup(dialect: Dialect, options: MoqSessionOptions): void {
    const { setup } = dialect;
    if (setup.kind !== "stream") {
      return;
    }
    const message: PeerSetup = {
      path: options.role === "client" ? options.path : undefined,
      originId: options.originId,
      probeLevel: options.probeLevel ?? 0,
      role: "both",
    };
    this.#core.openings.add({
      tryOpen: () => {
        const stream = this.#core.wire.openUni(CONTROL_PRIORITY);
        stream?.write(
          this.#core.encode((writer) => {
            writer.varint(UNI_TYPES.setup);
            setup.message.write(writer, message);
          }),
        );
        stream?.finish();
        return stream !== undefined;
      },
      refuse: () => {},
    });
  }

  #onPeerSetup(setup: PeerSetup): void {
    if (this.#peerSetup !== undefined) {
      throw new ProtocolError("violation", "a second SETUP");
    }
    this.#peerSetup = setup;
    this.#handler.onPeerSetup(setup);
  }

  #isOverStreamLimit(): boolean {
    const isOver = this.#incomingStreams >= this.#core.limits.maxIncomingStreams;
    if (isOver) {
      this.#core.counters.streamsOverLimit++;
    }
    return isOver;
  }

  #createMachine(type: number, control: ControlStream): ControlMachine | number {
    const dialect = this.#core.dialect;
    if (type === BIDI_TYPES.legacyClientSetup && dialect === undefined && !this.#legacySetupSeen) {
      const { setup } = LEGACY_DIALECT;
      if (setup.kind === "legacy") {
        this.#legacySetupSeen = true;
        return new LegacyServerSetup(this.#core, setup, control, () => this.#agreeOn(LEGACY_DIALECT));
      }
    }
    if (dialect === undefined) {
      return ERROR_CODES.unexpectedStream;
    }
    const created = this.#requests.create(type, dialect, control);
    if (typeof created === "number") {
      return created;
    }
    control.onOver = () => {
      this.#incomingStreams--;
      created.onOver();
    };
    return created.machine;
  }
}
