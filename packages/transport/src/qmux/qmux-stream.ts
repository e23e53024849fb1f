import { NO_BYTES, SendingStream, type SendOwner } from "../sending-stream.ts";
import type { BidiStream, ReceiveStreamHandler } from "../session.ts";
import { QmuxError } from "./qmux-error.ts";
import type { RecordWriter } from "./record-writer.ts";

/** What a stream needs from its session. */
export interface StreamOwner extends SendOwner {
  readonly streamWindowBytes: number;
  queueSend(stream: QmuxStream): void;
  queueNotice(stream: QmuxStream): void;
  streamEnded(stream: QmuxStream): void;
  /** Kept bytes, or an end, can be delivered to the stream's receiver. */
  queueDelivery(stream: QmuxStream): void;
  sendReset(stream: QmuxStream, code: number, finalSize: number): void;
  sendStop(stream: QmuxStream, code: number): void;
  sendStreamCredit(stream: QmuxStream, limit: number): void;
  /** Bytes of the session's window are free again. */
  addConsumed(bytes: number): void;
}

const NONE = -1;

/**
 * A stream of QMux: either direction or both. What waits to be sent stays in the caller's chunks until the socket has
 * room, so that it can be given up or overtaken; what a paused receiver leaves is held here, as far as its window goes.
 */
export class QmuxStream extends SendingStream<StreamOwner> implements BidiStream {
  /** In the session's list of streams with something to deliver; owned by the session. */
  delivering = false;
  /** The session's handler knows it. */
  announced = false;
  #sentBytes = 0;
  #sendLimit: number;
  #receiver: ReceiveStreamHandler | undefined;
  #paused = false;
  /** The receiver does not want more: what still comes is counted and thrown away. */
  #discarding = false;
  #receivedBytes = 0;
  #consumedBytes = 0;
  #receiveLimit: number;
  #finalSize = NONE;
  #unread: Uint8Array[] = [];
  #resetCode = NONE;

  constructor(
    options: { id: number; sends: boolean; receives: boolean; priority: number; sendLimit: number },
    owner: StreamOwner,
  ) {
    super(options, owner);
    this.#sendLimit = options.sendLimit;
    this.#receiveLimit = owner.streamWindowBytes;
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receiver = receiver;
    this.#wantDelivery();
  }

  // ------------------------------------------------------------ sending

  /** It has begun, and does not end with what waits. */
  get isUnderWay(): boolean {
    return this.#sentBytes > 0 && !this.finishing;
  }

  reset(code: number): void {
    if (!this.sendOpen || this.owner.closed) return;
    this.owner.sendReset(this, code, this.#sentBytes);
    this.endSending();
  }

  /**
   * Writes up to `budget` bytes of what waits. Returns how many were written, or -1 - that number if the stream has
   * more to send and its window allows it.
   */
  pump(writer: RecordWriter, budget: number): number {
    let written = 0;
    let rest = Math.min(budget, this.#sendLimit - this.#sentBytes);
    const { chunks } = this;
    while (this.head < chunks.length && rest > 0) {
      const chunk = chunks[this.head] ?? NO_BYTES;
      const left = chunk.length - this.headOffset;
      const wanted = Math.min(left, rest);
      const isLast = this.finishing && wanted === left && this.head === chunks.length - 1;
      const sent = writer.stream(this.id, this.#sentBytes, chunk, this.headOffset, wanted, isLast);
      written += sent;
      rest -= sent;
      this.#sentBytes += sent;
      if (sent < left) {
        this.headOffset += sent;
        continue;
      }
      this.dropHead();
      if (isLast) return this.#handedOver(written);
    }
    if (this.head === chunks.length) {
      this.clearTaken();
      if (this.finishing) {
        writer.stream(this.id, this.#sentBytes, NO_BYTES, 0, 0, true);
        return this.#handedOver(written);
      }
    }
    this.onTaken(written);
    const more = this.head < chunks.length && this.#sentBytes < this.#sendLimit;
    return more ? -1 - written : written;
  }

  onCredit(limit: number): void {
    if (!this.sendOpen || limit <= this.#sendLimit) return;
    this.#sendLimit = limit;
    if (this.bufferedBytes > 0) this.owner.queueSend(this);
  }

  /** The peer sent STOP_SENDING. */
  onStop(code: number): void {
    if (!this.sendOpen) return;
    this.owner.sendReset(this, code, this.#sentBytes);
    this.onStopped(code);
  }

  // ------------------------------------------------------------ receiving

  stop(code: number): void {
    if (!this.receiveOpen || this.#discarding || this.owner.closed) return;
    this.#discarding = true;
    this.#receiver = undefined;
    this.#consume(this.#unreadBytes());
    this.#unread.length = 0;
    if (this.#finalSize === NONE) this.owner.sendStop(this, code);
    else this.endReceiving();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wantDelivery();
  }

  /** How many of these bytes count against the session's window. Throws on a breach of the stream's own rules. */
  onFrame(offset: number, bytes: Uint8Array, fin: boolean): number {
    if (!this.receiveOpen || this.#finalSize !== NONE) {
      throw new QmuxError("final-size", "bytes came after the end of a stream");
    }
    if (offset !== NONE && offset !== this.#receivedBytes) {
      throw new QmuxError("protocol-violation", "a stream's bytes came out of order");
    }
    this.#receivedBytes += bytes.length;
    if (this.#receivedBytes > this.#receiveLimit) {
      throw new QmuxError("flow-control", "a stream's window was passed");
    }
    if (fin) this.#finalSize = this.#receivedBytes;
    return bytes.length;
  }

  /** Passes the bytes of a frame on, or keeps them. */
  deliver(bytes: Uint8Array): void {
    if (this.#discarding) {
      this.#consume(bytes.length);
      if (this.#finalSize !== NONE) this.endReceiving();
      return;
    }
    if (this.#receiver === undefined || this.#paused || this.#unread.length > 0 || this.delivering) {
      if (bytes.length > 0) this.#unread.push(bytes.slice());
      this.#wantDelivery();
      return;
    }
    this.#consume(bytes.length);
    this.#pass(bytes);
  }

  /** How many bytes that never came count against the session's window. Throws on a breach of the stream's rules. */
  onReset(code: number, toldSize: number): number {
    if (!this.receiveOpen || this.#finalSize !== NONE) return 0;
    // Up to draft 02 there are senders (@moq/qmux 0.1) that always say 0.
    const finalSize = Math.max(toldSize, this.#receivedBytes);
    if (finalSize > this.#receiveLimit) {
      throw new QmuxError("final-size", "a stream was reset at an impossible size");
    }
    const missing = finalSize - this.#receivedBytes;
    this.#receivedBytes = finalSize;
    this.#finalSize = finalSize;
    this.#resetCode = code;
    // What was kept is given up, as a reset stream's rest is on every transport.
    this.#unread.length = 0;
    this.#consume(finalSize - this.#consumedBytes);
    if (this.#discarding) this.endReceiving();
    else this.#wantDelivery();
    return missing;
  }

  /** Delivers what was kept. Called by the session. */
  deliverKept(): void {
    if (this.#receiver === undefined || this.#paused || !this.receiveOpen) return;
    if (this.#resetCode !== NONE) {
      const receiver = this.#receiver;
      this.endReceiving();
      receiver.onReset(this.#resetCode);
      return;
    }
    const kept = this.#unread;
    if (kept.length === 0) {
      if (this.#finalSize !== NONE) this.#pass(NO_BYTES);
      return;
    }
    while (kept.length > 0 && !this.#paused && this.receiveOpen && !this.#discarding) {
      const bytes = kept.shift() ?? NO_BYTES;
      this.#consume(bytes.length);
      this.#pass(bytes);
    }
  }

  override release(): void {
    super.release();
    this.#unread = [];
  }

  #pass(bytes: Uint8Array): void {
    const receiver = this.#receiver;
    const fin = this.#finalSize !== NONE && this.#consumedBytes === this.#finalSize;
    if (fin) this.endReceiving();
    receiver?.onData(bytes, fin);
  }

  #wantDelivery(): void {
    if (this.#receiver === undefined || this.#paused || !this.receiveOpen) return;
    if (this.#unread.length === 0 && this.#finalSize === NONE) return;
    this.owner.queueDelivery(this);
  }

  #unreadBytes(): number {
    let bytes = 0;
    for (const piece of this.#unread) bytes += piece.length;
    return bytes;
  }

  /** Gives the peer new credit once half of the window is used. */
  #consume(bytes: number): void {
    if (bytes === 0) return;
    this.#consumedBytes += bytes;
    this.owner.addConsumed(bytes);
    if (this.#finalSize !== NONE || this.#discarding) return;
    const window = this.owner.streamWindowBytes;
    if (this.#receiveLimit - this.#consumedBytes > window / 2) return;
    this.#receiveLimit = this.#consumedBytes + window;
    this.owner.sendStreamCredit(this, this.#receiveLimit);
  }

  #handedOver(written: number): number {
    this.endSending();
    return written;
  }
}
