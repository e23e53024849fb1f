import { truncateUtf8 } from "../memory/truncate-utf8.ts";
import type {
  BidiStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
  SessionStats,
  TransportKind,
} from "../session.ts";
import type { FailsLimits } from "./fails-limits.ts";
import { type FailsOwner, FailsStream } from "./fails-stream.ts";
import type { PackageSession, PackageStats, PackageStream, SessionEvents } from "./package-session.ts";

export interface FailsSessionOptions {
  readonly id: number;
  readonly kind: TransportKind;
  readonly protocol: string;
  readonly path: string;
  readonly bearer?: string | undefined;
  readonly remoteAddress: string;
  readonly limits: FailsLimits;
}

export interface FailsSessionDeps {
  readonly nowMs: () => number;
  /** Calls `work` soon, never within this call. */
  readonly defer: (work: () => void) => void;
  readonly later: (delayMs: number, work: () => void) => void;
  /** The session has said its last word: what carries it may close. */
  readonly onClosed: () => void;
}

/** The package does not tell when the peer allows more streams. */
const STREAM_RETRY_MS = 20;
/** Opened here before the peer has said how many it takes. */
const MAX_OPENING = 1_024;
const MAX_WAITING_DATAGRAMS = 64;
const MAX_REASON_BYTES = 1_024;
/** Of what others call an internal error. */
const VIOLATION_CODE = 1;

/**
 * A session of `@fails-components/webtransport` in either end: over WebSocket, or over HTTP/3 through its add-on. It
 * takes the place of the package's own session object, which would put Web streams on every stream.
 */
export class FailsSession implements Session, FailsOwner, SessionEvents {
  readonly id: number;
  readonly kind: TransportKind;
  readonly path: string;
  readonly bearer: string | undefined;
  readonly remoteAddress: string;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  protocol: string;
  /** The package looks at this and at `objint`. */
  state: "connected" | "closed" = "connected";
  objint: PackageSession | undefined;
  readonly #limits: FailsLimits;
  readonly #deps: FailsSessionDeps;
  readonly #streams = new Set<FailsStream>();
  readonly #opening: { readonly uni: FailsStream[]; readonly bidi: FailsStream[] } = { uni: [], bidi: [] };
  #handler: SessionHandler | undefined;
  #early: FailsStream[] = [];
  #reads: FailsStream[] = [];
  #notices: FailsStream[] = [];
  #pumps: FailsStream[] = [];
  #ended: PackageStream[] = [];
  #incoming = 0;
  #lastStreamId = 0;
  #isScheduled = false;
  readonly #wants = { uni: false, bidi: false };
  #streamsCame = false;
  #bufferedBytes = 0;
  #close: SessionClose | undefined;
  #isCloseTold = false;
  #sentBytes = 0;
  #receivedBytes = 0;
  #sentChunks = 0;
  #rttMs = 0;
  #sendRateBps = 0;
  #lastReceivedMs: number;
  readonly #run = (): void => this.#work();

  constructor(options: FailsSessionOptions, deps: FailsSessionDeps) {
    this.id = options.id;
    this.kind = options.kind;
    this.protocol = options.protocol;
    this.path = options.path;
    this.bearer = options.bearer;
    this.remoteAddress = options.remoteAddress;
    this.#limits = options.limits;
    this.streamHighWaterBytes = options.limits.streamHighWaterBytes;
    this.streamLowWaterBytes = options.limits.streamLowWaterBytes;
    this.#deps = deps;
    this.#lastReceivedMs = deps.nowMs();
  }

  /** Takes the package's session over; called once. */
  attach(native: PackageSession): void {
    this.objint = native;
    native.jsobj = this;
    const parser = native.capsParser;
    if (parser !== undefined) {
      // The package tells of a session that was closed with a code as of a connection that broke.
      const close = parser.onCloseWebTransportSession.bind(parser);
      parser.onCloseWebTransportSession = (told) => {
        const reason = truncateUtf8(told.reason, MAX_REASON_BYTES);
        this.#end({ code: told.code >>> 0, reason, remote: true });
        close(told);
      };
    }
    native.sendInitialParameters?.();
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    if (handler !== undefined && (this.#early.length > 0 || this.closed)) this.#schedule();
  }

  get closed(): boolean {
    return this.#close !== undefined;
  }

  get maxDatagramBytes(): number {
    return this.closed ? 0 : (this.objint?.getMaxDatagramSize() ?? 0);
  }

  openUni(priority = 0): SendStream | undefined {
    return this.#open(false, priority);
  }

  openBidi(priority = 0): BidiStream | undefined {
    return this.#open(true, priority);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    const native = this.objint;
    if (native === undefined || this.closed || bytes.length > this.maxDatagramBytes) return false;
    if ((native.datagramsWaiting_?.length ?? 0) >= MAX_WAITING_DATAGRAMS) return false;
    const { code } = native.writeDatagram(bytes.slice());
    if (code !== "success" && code !== "blocked") return false;
    this.addSent(bytes.length);
    return true;
  }

  stats(): SessionStats {
    // Answered by `onSessionStats` within the call; over WebSocket the package knows nothing of its connection.
    if (!this.closed && this.#isOverHttp3) this.objint?.orderSessionStats?.();
    return {
      rttMs: this.#rttMs,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      sentPackets: this.#sentChunks,
      lostPackets: 0,
      sendRateBps: this.#sendRateBps,
      bufferedBytes: this.#bufferedBytes,
      silentMs: Math.max(0, this.#deps.nowMs() - this.#lastReceivedMs),
    };
  }

  ping(): void {
    // Whoever owns the WebSocket pings; HTTP/3 keeps itself alive.
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    const told = truncateUtf8(reason, MAX_REASON_BYTES);
    const native = this.objint;
    this.#end({ code, reason: told, remote: false });
    native?.close({ code, reason: told });
  }

  /** What carries the session is gone, without a word of the peer. */
  onSocketClosed(reason: string): void {
    this.#end({ code: undefined, reason, remote: true });
  }

  /** The peer, or the package, broke a rule. */
  fail(reason: string): void {
    if (this.closed) return;
    const native = this.objint;
    this.#end({ code: undefined, reason, remote: false });
    native?.close({ code: VIOLATION_CODE, reason });
  }

  onSignOfLife(): void {
    this.#lastReceivedMs = this.#deps.nowMs();
  }

  // ------------------------------------------------------------ from the streams

  queueSend(stream: FailsStream): void {
    stream.pump();
  }

  addBuffered(delta: number): void {
    this.#bufferedBytes += delta;
    if (delta <= 0 || this.#bufferedBytes <= this.#limits.maxSessionBufferBytes) return;
    this.close(this.#limits.overflowCloseCode, "too much is waiting to be sent");
  }

  queueNotice(stream: FailsStream): void {
    if (stream.noticed) return;
    stream.noticed = true;
    this.#notices.push(stream);
    this.#schedule();
  }

  queuePump(stream: FailsStream): void {
    if (stream.queued || this.closed) return;
    stream.queued = true;
    this.#pumps.push(stream);
    this.#schedule();
  }

  handlerFailed(error: unknown): void {
    this.fail(error instanceof Error ? error.message : "internal error");
  }

  queueRead(stream: FailsStream): void {
    if (stream.reading || this.closed) return;
    stream.reading = true;
    this.#reads.push(stream);
    this.#schedule();
  }

  streamEnded(stream: FailsStream): void {
    if (!this.#streams.delete(stream)) return;
    if (stream.isIncoming) this.#incoming -= 1;
    if (stream.native === undefined) return;
    // Later: the package is still at work with it.
    this.#ended.push(stream.native);
    this.#schedule();
  }

  addReceived(bytes: number): void {
    this.#receivedBytes += bytes;
    this.#lastReceivedMs = this.#deps.nowMs();
  }

  addSent(bytes: number): void {
    this.#sentBytes += bytes;
    this.#sentChunks += 1;
  }

  // ------------------------------------------------------------ from the package

  onReady({ protocol }: { readonly protocol?: string }): void {
    if (protocol !== undefined && protocol !== "") this.protocol = protocol;
  }

  onClose({ errorcode, error }: { readonly errorcode?: number; readonly error?: string }): void {
    // Over HTTP/3 this is the peer's close; over WebSocket that has been told already.
    const code = this.#isOverHttp3 ? errorcode : undefined;
    this.#end({ code, reason: truncateUtf8(error ?? "", MAX_REASON_BYTES), remote: true });
  }

  onStream({
    stream: native,
    incoming,
    bidirectional,
  }: {
    readonly stream: PackageStream;
    readonly incoming: boolean;
    readonly bidirectional: boolean;
  }): void {
    if (this.closed) return;
    if (!incoming) {
      const opened = (bidirectional ? this.#opening.bidi : this.#opening.uni).shift();
      if (opened === undefined) this.fail("a stream came that nobody opened");
      else opened.attach(native);
      return;
    }
    if (this.#incoming >= 2 * this.#limits.maxIncomingStreams) {
      this.fail("more streams than allowed");
      return;
    }
    this.#incoming += 1;
    const stream = this.#create(bidirectional, true, 0, true);
    stream.attach(native);
    if (this.#handler === undefined || this.#early.length > 0) this.#early.push(stream);
    else this.#announce(stream, this.#handler);
  }

  onDatagramReceived({ datagram }: { readonly datagram: Uint8Array }): void {
    if (this.closed) return;
    this.addReceived(datagram.length);
    try {
      this.#handler?.onDatagram(datagram);
    } catch (error) {
      this.handlerFailed(error);
    }
  }

  onGoAwayReceived(): void {
    // What moves viewers is MoQ's own GOAWAY.
  }

  onSessionStats({ smoothedRtt = 0, estimatedSendRateBps = 0 }: PackageStats): void {
    this.#rttMs = smoothedRtt;
    this.#sendRateBps = estimatedSendRateBps;
  }

  onDatagramStats(): void {}

  // ------------------------------------------------------------ inside

  get #isOverHttp3(): boolean {
    return this.objint?.capsParser === undefined;
  }

  #open(isBidi: boolean, priority: number): FailsStream | undefined {
    const native = this.objint;
    if (native === undefined || this.closed) return undefined;
    const opening = isBidi ? this.#opening.bidi : this.#opening.uni;
    if (opening.length >= MAX_OPENING) return this.#waitForStreams(isBidi);
    const stream = this.#create(true, isBidi, priority, false);
    opening.push(stream);
    const order = { sendOrder: priority, waitUntilAvailable: false };
    if (isBidi ? native.orderBidiStream(order) : native.orderUnidiStream(order)) return stream;
    opening.pop();
    this.#streams.delete(stream);
    return this.#waitForStreams(isBidi);
  }

  #create(sends: boolean, receives: boolean, priority: number, isIncoming: boolean): FailsStream {
    this.#lastStreamId += 1;
    const stream = new FailsStream({ id: this.#lastStreamId, sends, receives, priority, isIncoming }, this);
    this.#streams.add(stream);
    return stream;
  }

  #waitForStreams(isBidi: boolean): undefined {
    const isWaiting = this.#wants.uni || this.#wants.bidi;
    this.#wants[isBidi ? "bidi" : "uni"] = true;
    if (!isWaiting) this.#deps.later(STREAM_RETRY_MS, () => this.#lookForStreams());
  }

  #lookForStreams(): void {
    if (this.closed) return;
    const wants = this.#wants;
    // Over HTTP/3 only the next try tells.
    const uni = wants.uni && this.objint?.streamIdMngrUni?.canOpenNextOutgoingStream() !== false;
    const bidi = wants.bidi && this.objint?.streamIdMngrBi?.canOpenNextOutgoingStream() !== false;
    if (!uni && !bidi) {
      this.#deps.later(STREAM_RETRY_MS, () => this.#lookForStreams());
      return;
    }
    wants.uni = false;
    wants.bidi = false;
    this.#streamsCame = true;
    this.#schedule();
  }

  #announce(stream: FailsStream, handler: SessionHandler): void {
    try {
      if (stream.sendOpen) handler.onBidiStream(stream);
      else handler.onUniStream(stream);
    } catch (error) {
      this.handlerFailed(error);
      return;
    }
    stream.read();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#deps.defer(this.#run);
  }

  #work(): void {
    this.#isScheduled = false;
    const handler = this.#handler;
    if (handler !== undefined) {
      while (!this.closed && this.#early.length > 0) {
        const stream = this.#early.shift();
        if (stream !== undefined) this.#announce(stream, handler);
      }
    }
    if (this.#streamsCame && !this.closed) {
      this.#streamsCame = false;
      handler?.onStreamsAvailable();
    }
    for (const stream of this.#pumps.splice(0)) {
      stream.queued = false;
      if (!this.closed) stream.pump();
    }
    for (const stream of this.#reads.splice(0)) {
      stream.reading = false;
      if (!this.closed) stream.read();
    }
    for (const stream of this.#notices.splice(0)) {
      stream.noticed = false;
      if (!this.closed) stream.notify();
    }
    this.#forgetEnded();
    if (this.#close === undefined || handler === undefined || this.#isCloseTold) return;
    this.#isCloseTold = true;
    handler.onClose(this.#close);
  }

  /** The package keeps every stream that a session ever had. */
  #forgetEnded(): void {
    const parser = this.objint?.capsParser;
    for (const { streamid } of this.#ended.splice(0)) {
      if (parser === undefined || streamid === undefined) continue;
      try {
        parser.removeStream(streamid);
      } catch {
        // It was taken out when its end was sent.
      }
      parser.wtstreams.delete(streamid);
    }
  }

  #end(close: SessionClose): void {
    if (this.closed) return;
    this.#close = close;
    this.state = "closed";
    for (const stream of this.#streams) stream.release();
    this.#streams.clear();
    this.#opening.uni.length = 0;
    this.#opening.bidi.length = 0;
    this.#early = [];
    this.#bufferedBytes = 0;
    this.#schedule();
    this.#deps.onClosed();
  }
}
