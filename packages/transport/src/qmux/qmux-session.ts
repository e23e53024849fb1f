import { NoticeQueue } from "../notice-queue.ts";
import type {
  BidiStream,
  SendStream,
  Session,
  SessionClose,
  SessionHandler,
  SessionStats,
} from "../session.ts";
import { ControlQueue, MAX_CONTROL_BYTES } from "./control-queue.ts";
import { DATAGRAM_HEADER_BYTES, DatagramQueue } from "./datagram-queue.ts";
import { FRAME } from "./frame-types.ts";
import { Liveness } from "./liveness.ts";
import type { MessageSocket } from "./message-socket.ts";
import { QMUX_CODES, QmuxError } from "./qmux-error.ts";
import type { QmuxLimits } from "./qmux-limits.ts";
import type { QmuxStream, StreamOwner } from "./qmux-stream.ts";
import { type FrameHandler, readRecord } from "./read-record.ts";
import { ReadyStreams } from "./ready-streams.ts";
import { ReceiveWindow } from "./receive-window.ts";
import type { RecordWriter } from "./record-writer.ts";
import { isUni, StreamTable } from "./stream-table.ts";
import type { QmuxVersion } from "./subprotocols.ts";
import { type PeerParameters, writeParameters } from "./transport-parameters.ts";
import { decodeReason, encodeReason } from "./utf8.ts";

export interface QmuxSessionOptions {
  readonly id: number;
  readonly role: "client" | "server";
  readonly version: QmuxVersion;
  /** The protocol inside; "" if SETUP agrees it. */
  readonly protocol: string;
  readonly path: string;
  readonly bearer?: string | undefined;
  readonly remoteAddress: string;
  readonly limits: QmuxLimits;
}

export interface QmuxSessionDeps {
  readonly socket: MessageSocket;
  /** Shared by the sessions of a process. */
  readonly writer: RecordWriter;
  /** A monotonic clock. */
  readonly nowMs: () => number;
  /** Calls `flush` soon, never within this call; `urgent` = not with the next coalesced flush but at once. */
  readonly scheduleFlush: (urgent: boolean) => void;
  /** For what may wait some ms for the next flush; without it nothing waits. */
  readonly schedulePatientFlush?: () => void;
  /** The peer's parameters are here: streams can be opened. Called once, from `onMessage`. */
  readonly onReady: () => void;
}

/** As large as the smallest record that everybody takes. */
const MAX_DATAGRAM_BYTES = 16_382;
/** A write that is larger is worth a flush of its own, and others go with it. */
const SMALL_WRITE_BYTES = 1_024;
/** So much better than the large ones is what a stream of another track is. */
const CLEARLY_BETTER = 2;
/** WebSocket status codes (RFC 6455 §7.4.1). */
const STATUS_NORMAL = 1_000;
const STATUS_PROTOCOL_ERROR = 1_002;
const STATUS_INTERNAL_ERROR = 1_011;

/**
 * A session of QMux (draft-ietf-quic-qmux 00 to 02): the streams of QUIC over one ordered connection, here over the
 * messages of a WebSocket. Sans-IO: the provider gives it messages and time, and flushes it when it asks for it. All
 * that is written in one turn leaves in one flush, best priority first, as far as the socket has room.
 */
export class QmuxSession implements Session, StreamOwner, FrameHandler {
  readonly kind = "websocket";
  readonly id: number;
  readonly protocol: string;
  readonly path: string;
  readonly bearer: string | undefined;
  readonly remoteAddress: string;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  readonly streamWindowBytes: number;
  readonly #options: QmuxSessionOptions;
  readonly #deps: QmuxSessionDeps;
  readonly #limits: QmuxLimits;
  readonly #socketHighWaterBytes: number;
  #peer: PeerParameters | undefined;
  #handler: SessionHandler | undefined;
  readonly #streams: StreamTable;
  #wantsStreams = false;
  #streamsCame = false;
  #bufferedBytes = 0;
  readonly #window: ReceiveWindow;
  readonly #liveness: Liveness;
  readonly #ready = new ReadyStreams();
  readonly #control: ControlQueue;
  readonly #datagrams = new DatagramQueue();
  readonly #notices = new NoticeQueue();
  readonly #isOver = (): boolean => this.closed;
  #deliveries: QmuxStream[] = [];
  #early: QmuxStream[] = [];
  #parametersSent = false;
  #close: SessionClose | undefined;
  #closeCode = 0;
  #isCloseSent = false;
  #isCloseTold = false;
  #sentBytes = 0;
  #receivedBytes = 0;
  #records = 0;
  /** Priority of the stream with the last large write. */
  #largePriority = Number.POSITIVE_INFINITY;

  constructor(options: QmuxSessionOptions, deps: QmuxSessionDeps) {
    const { limits } = options;
    this.id = options.id;
    this.protocol = options.protocol;
    this.path = options.path;
    this.bearer = options.bearer;
    this.remoteAddress = options.remoteAddress;
    this.streamHighWaterBytes = limits.streamHighWaterBytes;
    this.streamLowWaterBytes = limits.streamLowWaterBytes;
    this.streamWindowBytes = limits.streamWindowBytes;
    this.#options = options;
    this.#limits = limits;
    this.#deps = deps;
    this.#socketHighWaterBytes = Math.max(limits.socketHighWaterBytes, deps.socket.drainBytes);
    this.#streams = new StreamTable({ ...limits, role: options.role }, this);
    this.#control = new ControlQueue({ maxFrames: limits.maxControlFrames });
    this.#window = new ReceiveWindow(limits.sessionWindowBytes);
    this.#liveness = new Liveness(limits, deps.nowMs);
    deps.scheduleFlush(true);
  }

  get handler(): SessionHandler | undefined {
    return this.#handler;
  }

  set handler(handler: SessionHandler | undefined) {
    this.#handler = handler;
    if (handler !== undefined && (this.#early.length > 0 || this.closed)) this.#deps.scheduleFlush(true);
  }

  get closed(): boolean {
    return this.#close !== undefined;
  }

  get maxDatagramBytes(): number {
    if (this.#peer === undefined) return 0;
    const { maxDatagramBytes, maxRecordBytes } = this.#peer;
    return Math.max(
      0,
      Math.min(maxDatagramBytes, maxRecordBytes, MAX_DATAGRAM_BYTES) - DATAGRAM_HEADER_BYTES,
    );
  }

  get hasParameters(): boolean {
    return this.#peer !== undefined;
  }

  openUni(priority = 0): SendStream | undefined {
    return this.#open(true, priority);
  }

  openBidi(priority = 0): BidiStream | undefined {
    return this.#open(false, priority);
  }

  sendDatagram(bytes: Uint8Array): boolean {
    if (this.closed || bytes.length > this.maxDatagramBytes) return false;
    if (!this.#datagrams.add(bytes)) return false;
    this.#deps.scheduleFlush(false);
    return true;
  }

  stats(): SessionStats {
    return {
      rttMs: this.#liveness.rttMs,
      sentBytes: this.#sentBytes,
      receivedBytes: this.#receivedBytes,
      sentPackets: this.#records,
      lostPackets: 0,
      sendRateBps: 0,
      bufferedBytes: this.#bufferedBytes,
      silentMs: this.#liveness.silentMs,
    };
  }

  ping(): void {
    if (this.closed) return;
    if (this.#options.version === 0) {
      this.#deps.socket.ping();
      return;
    }
    this.#queued(this.#control.addPing(this.#liveness.nextPing()));
  }

  close(code: number, reason: string): void {
    if (this.closed) return;
    this.#end({ code, reason: decodeReason(encodeReason(reason)), remote: false }, code);
  }

  // ------------------------------------------------------------ from the provider

  /** The peer's next message. `bytes` are not kept. */
  onMessage(bytes: Uint8Array): void {
    if (this.closed) return;
    this.#receivedBytes += bytes.length;
    this.#liveness.onReceived();
    try {
      readRecord(bytes, this.#options.version === 0, this);
    } catch (error) {
      if (!(error instanceof QmuxError)) throw error;
      this.fail(error);
    }
  }

  /** The peer broke a rule, or something of this side failed; he is told which. */
  fail(error: QmuxError): void {
    if (this.closed) return;
    this.#end({ code: undefined, reason: error.message, remote: false }, error.wireCode);
  }

  /** The socket is gone without a word of QMux. */
  onSocketClosed(reason: string): void {
    if (this.closed) return;
    this.#isCloseSent = true;
    this.#end({ code: undefined, reason, remote: true }, 0);
  }

  /** The socket has room again. */
  onSocketDrained(): void {
    if (!this.closed && this.#hasWork()) this.#deps.scheduleFlush(true);
  }

  /** Anything but a message came from the peer, such as the answer to a ping of the socket. */
  onSignOfLife(): void {
    this.#liveness.onReceived();
  }

  /** Once a second: what only time decides. */
  tick(): void {
    if (this.closed) return;
    const verdict = this.#liveness.check(this.#sentBytes, this.#deps.socket.bufferedBytes);
    if (verdict === "ask") this.ping();
    else if (verdict !== "alive") this.#end({ code: undefined, reason: verdict, remote: false }, 0);
  }

  /** Sends what waits and tells the handlers what they are to know. Called as `scheduleFlush` asked for it. */
  flush(): void {
    if (this.#close === undefined) {
      this.#deliver();
      if (this.#close === undefined) this.#send();
      if (this.#close === undefined) this.#notify();
    }
    if (this.#close !== undefined) this.#sendClose(this.#close);
  }

  // ------------------------------------------------------------ from the streams

  queueSend(stream: QmuxStream): void {
    this.#ready.add(stream);
    const { schedulePatientFlush } = this.#deps;
    if (stream.bufferedBytes > SMALL_WRITE_BYTES) this.#largePriority = stream.priority;
    if (schedulePatientFlush !== undefined && this.#mayWait(stream)) schedulePatientFlush();
    else this.#deps.scheduleFlush(false);
  }

  addBuffered(delta: number): void {
    this.#bufferedBytes += delta;
    if (delta <= 0 || this.#bufferedBytes <= this.#limits.maxSessionBufferBytes) return;
    const { overflowCloseCode: code } = this.#limits;
    this.#end({ code, reason: "too much is waiting to be sent", remote: false }, code);
  }

  queueNotice(stream: QmuxStream): void {
    if (this.#notices.add(stream)) this.#deps.scheduleFlush(true);
  }

  queueDelivery(stream: QmuxStream): void {
    if (stream.delivering) return;
    stream.delivering = true;
    this.#deliveries.push(stream);
    this.#deps.scheduleFlush(true);
  }

  sendReset(stream: QmuxStream, code: number, finalSize: number): void {
    this.#queued(this.#control.add(FRAME.resetStream, stream.id, code, finalSize));
  }

  sendStop(stream: QmuxStream, code: number): void {
    this.#queued(this.#control.add(FRAME.stopSending, stream.id, code));
  }

  sendStreamCredit(stream: QmuxStream, limit: number): void {
    this.#queued(this.#control.add(FRAME.maxStreamData, stream.id, limit));
  }

  addConsumed(bytes: number): void {
    const limit = this.#window.onConsumed(bytes);
    if (limit !== undefined) this.#queued(this.#control.add(FRAME.maxData, limit));
  }

  streamEnded(stream: QmuxStream): void {
    const grant = this.#streams.end(stream);
    if (grant !== undefined) this.#queued(this.#control.add(grant.frame, grant.count));
  }

  // ------------------------------------------------------------ what the peer's frames say

  onParameters(parameters: PeerParameters): void {
    this.#peer = parameters;
    this.#streams.setPeer(parameters);
    this.#ready.allow(parameters.maxData);
    this.#deps.onReady();
  }

  onStreamFrame(id: number, offset: number, bytes: Uint8Array, fin: boolean): void {
    const stream = this.#streams.receiving(id);
    if (stream === undefined) {
      // The stream is over on this side; what was on the way still counts.
      this.#window.onReceived(bytes.length);
      this.addConsumed(bytes.length);
      return;
    }
    this.#window.onReceived(stream.onFrame(offset, bytes, fin));
    this.#announce(stream);
    stream.deliver(bytes);
  }

  onReset(id: number, code: number, finalSize: number): void {
    const stream = this.#streams.receiving(id);
    if (stream === undefined) return;
    this.#window.onReceived(stream.onReset(code, finalSize));
    this.#announce(stream);
  }

  onStop(id: number, code: number): void {
    const stream = this.#streams.sending(id);
    if (stream === undefined) return;
    this.#announce(stream);
    stream.onStop(code);
  }

  onSessionCredit(limit: number): void {
    if (this.#ready.allow(limit) && !this.#ready.isEmpty) this.#deps.scheduleFlush(false);
  }

  onStreamCredit(id: number, limit: number): void {
    this.#streams.sending(id)?.onCredit(limit);
  }

  onStreamsAllowed(isUnidirectional: boolean, count: number): void {
    if (!this.#streams.allow(isUnidirectional, count) || !this.#wantsStreams) return;
    this.#wantsStreams = false;
    this.#streamsCame = true;
    this.#deps.scheduleFlush(true);
  }

  onDatagram(bytes: Uint8Array): void {
    this.#handler?.onDatagram(bytes);
  }

  onPing(high: number, low: number): void {
    this.#queued(this.#control.addPong(high, low));
  }

  onPong(_high: number, low: number): void {
    this.#liveness.onPong(low);
  }

  onPeerClose(close: SessionClose): void {
    this.#isCloseSent = true;
    this.#end(close, 0);
    this.#deps.socket.close(STATUS_NORMAL, "");
  }

  #announce(stream: QmuxStream): void {
    if (stream.announced) return;
    if (this.#handler === undefined || this.#early.length > 0) {
      if (!this.#early.includes(stream)) this.#early.push(stream);
      return;
    }
    handOver(stream, this.#handler);
  }

  // ------------------------------------------------------------ sending

  /**
   * The next packet of sound in a stream that goes on, beside pictures: the next picture takes it along. What begins or
   * ends a stream, such as a message or a catalog, does not wait, nor small pictures, nor sound alone.
   */
  #mayWait(stream: QmuxStream): boolean {
    if (stream.bufferedBytes > SMALL_WRITE_BYTES || !stream.isUnderWay) return false;
    return stream.priority >= this.#largePriority + CLEARLY_BETTER;
  }

  #send(): void {
    const { socket, writer } = this.#deps;
    if (!this.#hasWork()) return;
    const budget = this.#socketHighWaterBytes - socket.bufferedBytes;
    if (budget <= 0 && this.#parametersSent) return;
    writer.begin(socket, this.#peer?.maxRecordBytes ?? 1_024, this.#options.version === 0);
    if (!this.#parametersSent) {
      this.#parametersSent = true;
      writeParameters(writer, this.#limits, this.#options.version === 0 ? 0 : MAX_DATAGRAM_BYTES);
    }
    if (this.#peer !== undefined) {
      if (this.#control.write(writer)) this.#liveness.onPingSent();
      this.#datagrams.write(writer);
      this.#ready.write(writer, budget);
    }
    writer.end();
    this.#sentBytes += writer.sentBytes;
    this.#records += writer.records;
  }

  #hasWork(): boolean {
    if (!this.#parametersSent) return true;
    return !this.#control.isEmpty || !this.#ready.isEmpty || !this.#datagrams.isEmpty;
  }

  /** After a control frame was queued, or not: then the peer reads nothing. */
  #queued(hasRoom: boolean): void {
    if (hasRoom) this.#deps.scheduleFlush(false);
    else this.#end({ code: undefined, reason: "the peer does not read", remote: false }, 0);
  }

  // ------------------------------------------------------------ telling the handlers

  #deliver(): void {
    const handler = this.#handler;
    if (handler !== undefined) {
      for (const stream of this.#early.splice(0)) {
        if (this.closed) return;
        handOver(stream, handler);
      }
    }
    const deliveries = this.#deliveries;
    if (deliveries.length === 0) return;
    this.#deliveries = [];
    for (const stream of deliveries) {
      stream.delivering = false;
      if (!this.closed) stream.deliverKept();
    }
  }

  #notify(): void {
    if (this.#streamsCame) {
      this.#streamsCame = false;
      this.#handler?.onStreamsAvailable();
    }
    this.#notices.run(this.#isOver);
  }

  #open(isUnidirectional: boolean, priority: number): QmuxStream | undefined {
    if (this.closed) return undefined;
    const stream = this.#streams.open(isUnidirectional, priority);
    if (stream === undefined) this.#wantsStreams = true;
    return stream;
  }

  #end(close: SessionClose, code: number): void {
    if (this.closed) return;
    this.#close = close;
    this.#closeCode = code;
    this.#streams.release();
    this.#ready.clear();
    this.#control.clear();
    this.#datagrams.clear();
    this.#bufferedBytes = 0;
    this.#deps.scheduleFlush(true);
  }

  #sendClose(close: SessionClose): void {
    if (!this.#isCloseSent) {
      this.#isCloseSent = true;
      const { socket, writer } = this.#deps;
      const isApplication = close.code !== undefined;
      const reason = encodeReason(close.reason);
      writer.begin(socket, this.#peer?.maxRecordBytes ?? 2_048, this.#options.version === 0);
      writer.frame(MAX_CONTROL_BYTES + reason.length);
      writer.varint(isApplication ? FRAME.applicationClose : FRAME.connectionClose);
      writer.varint(this.#closeCode);
      // The type of the frame at fault is not told.
      if (!isApplication) writer.varint(0);
      writer.varint(reason.length);
      writer.bytes(reason);
      writer.end();
      this.#sentBytes += writer.sentBytes;
      this.#records += writer.records;
      socket.close(isApplication ? STATUS_NORMAL : statusOf(this.#closeCode), "");
    }
    const handler = this.#handler;
    if (handler === undefined || this.#isCloseTold) return;
    this.#isCloseTold = true;
    handler.onClose(close);
  }
}

function statusOf(transportCode: number): number {
  if (transportCode === 0) return STATUS_NORMAL;
  return transportCode === QMUX_CODES.internal ? STATUS_INTERNAL_ERROR : STATUS_PROTOCOL_ERROR;
}

function handOver(stream: QmuxStream, handler: SessionHandler): void {
  stream.announced = true;
  if (isUni(stream.id)) handler.onUniStream(stream);
  else handler.onBidiStream(stream);
}
