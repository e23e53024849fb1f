import { NoticeQueue } from "../notice-queue.ts";
import type { SessionClose, SessionStats } from "../session.ts";
import { engineClose } from "./connection-close.ts";
import type { ConnectionHandler } from "./connection-handler.ts";
import { ConnectionReader } from "./connection-reader.ts";
import { readStats } from "./connection-stats.ts";
import { EngineDeadline } from "./engine-deadline.ts";
import { KeepAlive } from "./keep-alive.ts";
import { Linger } from "./linger.ts";
import type { NativeConnection, NativeHostPort } from "./native.ts";
import { PacketDeparture } from "./packet-departure.ts";
import type { PacketSender } from "./packet-sender.ts";
import { PeerPath } from "./peer-path.ts";
import type { QuicCounters } from "./quic-counters.ts";
import type { QuicTransportOptions } from "./quic-limits.ts";
import type { LoopMember, QuicLoop } from "./quic-loop.ts";
import { type ErrorCodeMapping, PLAIN_CODES, QuicStream, type StreamOwner } from "./quic-stream.ts";
import { SendSchedule } from "./send-schedule.ts";
import { StopQueue } from "./stop-queue.ts";
import { StopSweep } from "./stop-sweep.ts";
import { StreamOpener } from "./stream-opener.ts";
import { TimerEntry } from "./timer-wheel.ts";

/** With few streams the sweep is also made between two packets of one tick, which saves the code of a stop. */
const EAGER_SWEEP_STREAMS = 16;
/** Under RFC 9000's default max_ack_delay of 25 ms, which the engine announces. */
const ACK_DELAY_MS = 20;
/** Chromium ends its half of the CONNECT stream before it tells the page; a close in between costs the page the code. */
const LINGER_AFTER_ANSWER_MS = 250;

export interface QuicConnectionOptions {
  readonly server: boolean;
  readonly remote: { readonly address: string; readonly port: number };
  readonly local: NativeHostPort;
  readonly transport: QuicTransportOptions;
}

/** The arguments of the engine's `close`. */
interface EngineClose {
  readonly application: boolean;
  readonly code: number;
  readonly reason: Uint8Array;
}

export interface QuicConnectionDeps {
  readonly native: NativeConnection;
  readonly loop: QuicLoop;
  readonly sender: PacketSender;
  readonly counters: QuicCounters;
  /** A handler of the upper layers threw; its connection is closed. */
  readonly onHandlerError: (error: unknown) => void;
}

/**
 * One QUIC connection: the engine's state machine, its streams, and its place in the loop. Everything here runs
 * inside the loop's ticks, except for the calls of the upper layers, which only queue work for the next one.
 */
export class QuicConnection extends TimerEntry implements LoopMember, StreamOwner {
  readQueued = false;
  flushQueued = false;
  urgent = true;
  handler: ConnectionHandler | undefined;
  codes: ErrorCodeMapping = PLAIN_CODES;
  readonly native: NativeConnection;
  readonly server: boolean;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  /** Keys under which the endpoint routes packets to this connection. */
  readonly idKeys: string[] = [];
  bufferedBytes = 0;
  /** Set by the upper layer once there is a session; until then the handshake deadline runs. */
  sessionOpen = false;
  /** Set once this side ends the connection on its own account: streams of the peer are not taken any more. */
  windingDown = false;
  readonly #loop: QuicLoop;
  readonly #sender: PacketSender;
  readonly #counters: QuicCounters;
  readonly #transport: QuicTransportOptions;
  readonly #onHandlerError: (error: unknown) => void;
  readonly #streams = new Map<number, QuicStream>();
  readonly #schedule = new SendSchedule();
  readonly #notices = new NoticeQueue();
  readonly #isOver = (): boolean => this.#closed;
  readonly #reader: ConnectionReader;
  readonly #path: PeerPath;
  readonly #opener: StreamOpener;
  readonly #departure: PacketDeparture;
  readonly #stops = new StopQueue();
  readonly #sweep = new StopSweep(this.#streams);
  readonly #keepAlive: KeepAlive;
  readonly #handshakeDeadlineMs: number;
  readonly #engineDeadline = new EngineDeadline();
  /** The congestion window is full: the next acknowledgement makes room. */
  #blocked = false;
  #flushedMs = 0;
  #established = false;
  readonly #linger = new Linger();
  #localClose: SessionClose | undefined;
  /** What the engine is still to be told of `#localClose`. */
  #untoldClose: EngineClose | undefined;
  #closed = false;
  #removed = false;

  constructor(options: QuicConnectionOptions, deps: QuicConnectionDeps) {
    super();
    this.native = deps.native;
    this.server = options.server;
    this.#loop = deps.loop;
    this.#sender = deps.sender;
    this.#counters = deps.counters;
    this.#transport = options.transport;
    this.#onHandlerError = deps.onHandlerError;
    this.streamHighWaterBytes = options.transport.streamHighWaterBytes;
    this.streamLowWaterBytes = options.transport.streamLowWaterBytes;
    this.#path = new PeerPath(options.remote, options.local);
    this.#opener = new StreamOpener(deps.native, options.server);
    this.#departure = new PacketDeparture(deps.native, deps.sender);
    const { sender, counters } = deps;
    this.#reader = new ConnectionReader({ connection: this, streams: this.#streams, sender, counters });
    const nowMs = this.#loop.refreshNow();
    this.#keepAlive = new KeepAlive(options.transport.keepAliveMs, nowMs);
    this.#handshakeDeadlineMs = nowMs + options.transport.handshakeTimeoutMs;
  }

  get established(): boolean {
    return this.#established;
  }

  /** True from the moment this side closed or the peer's close was seen. */
  get closed(): boolean {
    return this.#closed || this.#localClose !== undefined;
  }

  get remoteAddress(): string {
    return this.#path.address;
  }

  get remotePort(): number {
    return this.#path.port;
  }

  get silentMs(): number {
    return Math.max(0, performance.now() - this.#keepAlive.receivedMs);
  }

  /** Starts the client's handshake, or lets a server's first packet be answered. */
  start(): void {
    this.queueFlush();
  }

  /** Feeds one UDP packet to the engine, which decrypts it in place. What it brought is delivered by the loop. */
  receive(packet: Uint8Array, address: string, port: number): void {
    if (this.#removed) return;
    if (this.#departure.repeat()) return;
    const path = this.#path;
    if (port !== path.port || address !== path.address) path.move(address, port);
    if (this.readQueued && this.#streams.size <= EAGER_SWEEP_STREAMS) this.#sweep.run(this.#loop.nowMs);
    try {
      this.native.recv(packet, path.recvInfo);
    } catch {
      // The engine has already decided: it closes the connection itself where the error is fatal.
      this.#counters.protocolErrors += 1;
    }
    this.#engineDeadline.stale = true;
    // Coalescing must neither leave the window unused that an acknowledgement opens nor hold back a client's own.
    if (this.#blocked || !this.#established || this.#owesAck()) this.urgent = true;
    this.#loop.scheduleRead(this);
    this.#loop.scheduleFlush(this);
    this.#keepAlive.receivedMs = this.#loop.nowMs;
  }

  handleIncoming(): void {
    if (this.#removed) return;
    try {
      this.#deliver();
    } catch (error) {
      this.#handlerFailed(error);
    }
  }

  flush(nowMs: number): void {
    if (this.#removed) return;
    this.#counters.flushes += 1;
    this.#flushedMs = nowMs;
    this.#blocked = !this.closed && this.#schedule.pump(this.native);
    this.#sendPackets();
    if (this.#untoldClose !== undefined) this.#tellClose(this.#untoldClose);
    if (this.#stops.release(this.native)) this.#sendPackets();
    try {
      this.#notices.run(this.#isOver);
      if (this.#engineDeadline.stale) this.#checkClosed();
    } catch (error) {
      this.#handlerFailed(error);
    }
    if (this.#removed) return;
    this.#setTimer(nowMs);
  }

  override onTimer(nowMs: number): void {
    if (this.#removed) return;
    let due = this.#engineDeadline.run(this.native, nowMs);
    if (nowMs >= this.#linger.atMs) {
      this.endLinger();
      due = true;
    }
    if (nowMs >= this.#handshakeDeadlineMs && !this.sessionOpen && !this.closed) {
      this.#counters.handshakeTimeouts += 1;
      this.closeTransport("handshake timeout");
      due = true;
    } else if (this.#established && !this.closed && nowMs >= this.#keepAlive.dueMs) {
      this.ping();
      due = true;
    }
    if (nowMs >= this.#sweep.nextMs) {
      this.#sweep.run(nowMs);
      due = true;
    }
    if (this.#departure.lastWord !== undefined) due = true;
    if (!due) {
      this.#setTimer(nowMs);
      return;
    }
    this.#engineDeadline.stale = true;
    this.urgent = true;
    this.#loop.scheduleFlush(this);
  }

  /** Opens a stream, or returns undefined while the peer's limit is reached. */
  openStream(bidirectional: boolean, priority: number): QuicStream | undefined {
    if (this.closed) return undefined;
    const id = this.#opener.next(bidirectional, priority);
    if (id === undefined) return undefined;
    this.#counters.streamsOpened += 1;
    const stream = new QuicStream({ id, sends: true, receives: bidirectional, priority }, this);
    this.#streams.set(id, stream);
    return stream;
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed) return false;
    try {
      if (this.native.isDgramSendQueueFull()) {
        this.#counters.datagramsDropped += 1;
        return false;
      }
      this.native.dgramSend(bytes);
    } catch {
      this.#counters.datagramsDropped += 1;
      return false;
    }
    this.queueFlush();
    return true;
  }

  /** Largest datagram that fits; 0 if the peer takes none. */
  get maxDatagramBytes(): number {
    return this.#closed ? 0 : (this.native.dgramMaxWritableLen() ?? 0);
  }

  stats(): SessionStats {
    return readStats(this.native, this.bufferedBytes, this.silentMs);
  }

  ping(): void {
    if (this.closed) return;
    this.#keepAlive.askedMs = this.#loop.nowMs;
    try {
      this.native.sendAckEliciting();
    } catch {
      return;
    }
    this.urgent = true;
    this.queueFlush();
  }

  /** CONNECTION_CLOSE with an application code as it travels. Idempotent. */
  close(wireCode: number, reason: Uint8Array, close: SessionClose): void {
    this.#close(true, wireCode, reason, close);
  }

  /** CONNECTION_CLOSE by the transport itself; `code` of RFC 9000 §20.1. */
  closeTransport(reason: string, code = 0): void {
    this.#close(false, code, new TextEncoder().encode(reason), { code: undefined, reason, remote: false });
  }

  /** Ends the connection because its endpoint closes: politely where there is a session. */
  shutDown(): void {
    if (this.closed) return;
    if (this.handler?.shutDown !== undefined) this.handler.shutDown();
    else this.closeTransport("closed");
  }

  /** True once nothing more will be sent. */
  get silenced(): boolean {
    return this.#removed || (this.#closed && this.native.isDraining());
  }

  /** Ends the connection without another word: the socket says that nobody is there. */
  abandon(reason: string): void {
    if (this.#removed) return;
    const close: SessionClose = { code: undefined, reason, remote: true };
    try {
      this.#deliverClose(this.#localClose ?? close);
    } catch (error) {
      this.#onHandlerError(error);
    }
    this.#remove();
  }

  queueSend(stream: QuicStream): void {
    this.#schedule.add(stream);
    this.#loop.scheduleFlush(this);
  }

  addBuffered(delta: number): void {
    this.bufferedBytes += delta;
    if (this.bufferedBytes > this.#transport.maxSessionBufferBytes && !this.closed && !this.windingDown) {
      this.windingDown = true;
      this.#counters.overflowCloses += 1;
      this.overflow(this.#transport.overflowCloseCode, "send buffer overflow");
    }
  }

  /** How a session ends whose peer does not keep up; the layer above may replace it. */
  overflow = (code: number, reason: string): void => {
    this.close(code, new TextEncoder().encode(reason), { code, reason, remote: false });
  };

  /**
   * Lets go of all streams but one: the connection is about to end. The peer is told as `releaseWireCode` says; true if
   * there is one to be told of.
   */
  releaseStreams(except: QuicStream): boolean {
    this.windingDown = true;
    let isTold = false;
    for (const stream of this.#streams.values()) {
      if (stream === except) continue;
      isTold ||= stream.sendOpen && stream.releaseWireCode !== undefined;
      stream.release();
    }
    this.#streams.clear();
    this.#streams.set(except.id, except);
    this.#schedule.clear(except);
    this.#notices.clear();
    this.#reader.unread = [];
    this.bufferedBytes = except.bufferedBytes;
    // Not held back for the sake of larger flushes: what is told next must not come with the resets.
    if (isTold) this.urgent = true;
    return isTold;
  }

  /** Closes with an application code unless the peer has closed by then. */
  closeAfter(delayMs: number, wireCode: number): void {
    // A loop that was idle has an old idea of the time.
    this.#linger.begin(this.#loop.refreshNow() + delayMs, wireCode);
    this.queueFlush();
  }

  /** After `closeAfter`: the peer has heard of the close. It is left the time to tell its own side before ours comes. */
  shortenLinger(): void {
    if (this.#linger.atMs === Number.POSITIVE_INFINITY) return;
    this.#linger.shorten(this.#loop.refreshNow() + LINGER_AFTER_ANSWER_MS);
    this.queueFlush();
  }

  /** Waits no longer for the peer after `closeAfter`. */
  endLinger(): void {
    const code = this.#linger.end();
    if (code === undefined) return;
    this.close(code, new Uint8Array(0), { code: undefined, reason: "", remote: false });
  }

  queueNotice(stream: QuicStream): void {
    if (this.#notices.add(stream)) this.#loop.scheduleFlush(this);
  }

  queueRead(): void {
    if (!this.closed) this.#loop.scheduleRead(this);
  }

  queueUnread(stream: QuicStream): void {
    const { unread } = this.#reader;
    if (!unread.includes(stream)) unread.push(stream);
    this.queueRead();
  }

  queueFlush(): void {
    this.#loop.scheduleFlush(this);
  }

  queueStop(stream: QuicStream, wireCode: number): boolean {
    if (!this.#stops.add(stream.id, wireCode)) return false;
    this.urgent = true;
    this.queueFlush();
    return true;
  }

  streamEnded(stream: QuicStream): void {
    this.#streams.delete(stream.id);
  }

  #deliver(): void {
    if (!this.#established && !this.closed && this.native.isEstablished()) this.#becomeEstablished();
    this.#checkClosed();
    if (this.#closed || !this.#established) return;
    if (this.#path.changed) this.#followPath();
    // Or what still comes for a stopped stream would look like a new one.
    this.#stops.release(this.native);
    this.#sweep.run(this.#loop.nowMs);
    if (this.#reader.unread.length > 0) this.#reader.deliverUnread();
    if (this.handler?.accepting === true && this.native.isReadable()) this.#reader.read();
    if (!this.closed && this.#opener.hasCredit()) this.handler?.onStreamsAvailable();
  }

  #becomeEstablished(): void {
    this.#established = true;
    this.#counters.handshakes -= 1;
    this.#counters.handshakesCompleted += 1;
    this.#sender.syncConnectionIds(this);
    this.handler?.onEstablished();
  }

  #sendPackets(): void {
    const isClosing = this.#localClose !== undefined && this.#established;
    if (this.#departure.run(this.#loop.nowMs, isClosing)) this.#loop.scheduleFlush(this);
  }

  #setTimer(nowMs: number): void {
    this.#engineDeadline.update(this.native, nowMs);
    let deadlineMs = Math.min(this.#engineDeadline.atMs, this.#sweep.nextMs, this.#linger.atMs);
    if (!this.sessionOpen && !this.closed) deadlineMs = Math.min(deadlineMs, this.#handshakeDeadlineMs);
    const { lastWord } = this.#departure;
    if (lastWord !== undefined) {
      if (this.native.isClosed()) deadlineMs = Math.min(deadlineMs, lastWord.untilMs);
    } else if (this.#established && !this.closed) {
      deadlineMs = Math.min(deadlineMs, this.#keepAlive.dueMs);
    }
    this.#loop.wheel.set(this, deadlineMs);
  }

  /** Acknowledgements that wait longer than the peer expects look to it like a longer way. */
  #owesAck(): boolean {
    return !this.server && this.#loop.nowMs - this.#flushedMs >= ACK_DELAY_MS;
  }

  #followPath(): void {
    this.#path.follow(this.native, this.#counters);
    this.#sender.syncConnectionIds(this);
  }

  #close(application: boolean, code: number, reason: Uint8Array, close: SessionClose): void {
    if (this.closed) return;
    this.#localClose = close;
    this.#untoldClose = { application, code, reason };
    this.urgent = true;
    this.#engineDeadline.stale = true;
    this.#loop.scheduleFlush(this);
  }

  /**
   * Right behind all that was due, in the same flush: a closing engine sends no probe of the handshake that has become
   * due, but waits for it, and its close with it.
   */
  #tellClose({ application, code, reason }: EngineClose): void {
    this.#untoldClose = undefined;
    try {
      this.native.close(application, code, reason);
    } catch {
      // Already closing on the engine's own account.
    }
    this.#sendPackets();
  }

  #checkClosed(): void {
    const gone = this.native.isClosed();
    if (!this.#closed && (gone || this.#localClose !== undefined || this.native.isDraining())) {
      if (this.native.isTimedOut()) this.#counters.idleTimeouts += 1;
      if (!gone && this.#localClose === undefined) this.#readLast();
      this.#deliverClose(this.#localClose ?? engineClose(this.native));
    }
    if (gone && this.#loop.nowMs >= (this.#departure.lastWord?.untilMs ?? 0)) this.#remove();
  }

  /** What the peer sent before its close may have come in the same tick: among it the reason of the close. */
  #readLast(): void {
    if (!this.#established || this.handler?.accepting !== true) return;
    this.#reader.read();
  }

  #deliverClose(close: SessionClose): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#established) {
      this.#counters.handshakes -= 1;
      this.#counters.handshakesFailed += 1;
    }
    for (const stream of this.#streams.values()) stream.release();
    this.#streams.clear();
    this.#schedule.clear();
    this.#notices.clear();
    this.#reader.unread = [];
    this.bufferedBytes = 0;
    const handler = this.handler;
    this.handler = undefined;
    handler?.onClosed(close);
  }

  #remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    this.#loop.wheel.delete(this);
    this.#sender.removeConnection(this);
  }

  #handlerFailed(error: unknown): void {
    this.#counters.handlerErrors += 1;
    this.#onHandlerError(error);
    this.closeTransport("internal error", 1);
  }
}
