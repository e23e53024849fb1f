import type { BidiStream, ReceiveStreamHandler, SendStreamHandler } from "../session.ts";
import { QmuxError } from "./qmux-error.ts";
import type { RecordWriter } from "./record-writer.ts";

/** What a stream needs from its session. */
export interface StreamOwner {
  readonly closed: boolean;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  readonly streamWindowBytes: number;
  /** Something of `stream` waits to be sent. */
  queueSend(stream: QmuxStream): void;
  /** `delta` bytes more (or fewer) are buffered. */
  addBuffered(delta: number): void;
  /** The stream's send handler is to be called at the end of the flush. */
  queueNotice(stream: QmuxStream): void;
  /** Kept bytes, or an end, can be delivered to the stream's receiver. */
  queueDelivery(stream: QmuxStream): void;
  sendReset(stream: QmuxStream, code: number, finalSize: number): void;
  sendStop(stream: QmuxStream, code: number): void;
  sendStreamCredit(stream: QmuxStream, limit: number): void;
  /** Bytes of the session's window are free again. */
  addConsumed(bytes: number): void;
  streamEnded(stream: QmuxStream): void;
}

const NOTHING = new Uint8Array(0);
const NONE = -1;

/**
 * A stream of QMux: either direction or both. What waits to be sent stays in the caller's chunks until the socket has
 * room, so that it can be given up or overtaken; what a paused receiver leaves is held here, as far as its window goes.
 */
export class QmuxStream implements BidiStream {
  readonly id: number;
  handler: SendStreamHandler | undefined;
  bufferedBytes = 0;
  priority: number;
  /** In the session's list of streams with something to send; owned by the session. */
  queued = false;
  /** In the session's list of streams whose handler is to be called; owned by the session. */
  noticed = false;
  /** In the session's list of streams with something to deliver; owned by the session. */
  delivering = false;
  /** The session's handler knows it. */
  announced = false;
  readonly #owner: StreamOwner;
  #queue: Uint8Array[] = [];
  #head = 0;
  #headOffset = 0;
  #sentBytes = 0;
  #sendLimit: number;
  #finishing = false;
  #sendOpen: boolean;
  #aboveHighWater = false;
  #stopCode = NONE;
  #receiver: ReceiveStreamHandler | undefined;
  #receiveOpen: boolean;
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
    this.id = options.id;
    this.priority = options.priority;
    this.#sendOpen = options.sends;
    this.#receiveOpen = options.receives;
    this.#sendLimit = options.sendLimit;
    this.#receiveLimit = owner.streamWindowBytes;
    this.#owner = owner;
  }

  get sendOpen(): boolean {
    return this.#sendOpen;
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receiver = receiver;
    this.#wantDelivery();
  }

  // ------------------------------------------------------------ sending

  write(bytes: Uint8Array): boolean {
    if (!this.#sendOpen || this.#finishing || this.#owner.closed) return true;
    if (bytes.length !== 0) {
      this.#queue.push(bytes);
      this.bufferedBytes += bytes.length;
      this.#owner.addBuffered(bytes.length);
      this.#owner.queueSend(this);
    }
    if (this.bufferedBytes <= this.#owner.streamHighWaterBytes) return true;
    this.#aboveHighWater = true;
    return false;
  }

  finish(): void {
    if (!this.#sendOpen || this.#finishing || this.#owner.closed) return;
    this.#finishing = true;
    this.#owner.queueSend(this);
  }

  reset(code: number): void {
    if (!this.#sendOpen || this.#owner.closed) return;
    this.#owner.sendReset(this, code, this.#sentBytes);
    this.#endSending();
  }

  setPriority(priority: number): void {
    if (priority === this.priority || !this.#sendOpen || this.#owner.closed) return;
    this.priority = priority;
    if (this.queued) this.#owner.queueSend(this);
  }

  /**
   * Writes up to `budget` bytes of what waits. Returns how many were written, or -1 - that number if the stream has
   * more to send and its window allows it.
   */
  pump(writer: RecordWriter, budget: number): number {
    let written = 0;
    let rest = Math.min(budget, this.#sendLimit - this.#sentBytes);
    const queue = this.#queue;
    while (this.#head < queue.length && rest > 0) {
      const chunk = queue[this.#head] ?? NOTHING;
      const left = chunk.length - this.#headOffset;
      const wanted = Math.min(left, rest);
      const isLast = this.#finishing && wanted === left && this.#head === queue.length - 1;
      const sent = writer.stream(this.id, this.#sentBytes, chunk, this.#headOffset, wanted, isLast);
      written += sent;
      rest -= sent;
      this.#sentBytes += sent;
      if (sent < left) {
        this.#headOffset += sent;
        continue;
      }
      queue[this.#head] = NOTHING;
      this.#head += 1;
      this.#headOffset = 0;
      if (isLast) return this.#handedOver(written);
    }
    if (this.#head === queue.length) {
      queue.length = 0;
      this.#head = 0;
      if (this.#finishing) {
        writer.stream(this.id, this.#sentBytes, NOTHING, 0, 0, true);
        return this.#handedOver(written);
      }
    }
    this.#onWritten(written);
    const more = this.#head < queue.length && this.#sentBytes < this.#sendLimit;
    return more ? -1 - written : written;
  }

  onCredit(limit: number): void {
    if (!this.#sendOpen || limit <= this.#sendLimit) return;
    this.#sendLimit = limit;
    if (this.bufferedBytes > 0) this.#owner.queueSend(this);
  }

  /** The peer sent STOP_SENDING. */
  onStop(code: number): void {
    if (!this.#sendOpen) return;
    this.#owner.sendReset(this, code, this.#sentBytes);
    this.#endSending();
    this.#stopCode = code;
    this.#owner.queueNotice(this);
  }

  /** Calls the send handler if there is something to tell. Called by the session at the end of a flush. */
  notify(): void {
    if (this.#stopCode !== NONE) {
      const code = this.#stopCode;
      this.#stopCode = NONE;
      this.handler?.onStop(code);
    } else if (
      this.#sendOpen &&
      this.#aboveHighWater &&
      this.bufferedBytes < this.#owner.streamLowWaterBytes
    ) {
      this.#aboveHighWater = false;
      this.handler?.onDrain();
    }
  }

  // ------------------------------------------------------------ receiving

  stop(code: number): void {
    if (!this.#receiveOpen || this.#discarding || this.#owner.closed) return;
    this.#discarding = true;
    this.#receiver = undefined;
    this.#consume(this.#unreadBytes());
    this.#unread.length = 0;
    if (this.#finalSize === NONE) this.#owner.sendStop(this, code);
    else this.#endReceiving();
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
    if (!this.#receiveOpen || this.#finalSize !== NONE) {
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
      if (this.#finalSize !== NONE) this.#endReceiving();
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
    if (!this.#receiveOpen || this.#finalSize !== NONE) return 0;
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
    if (this.#discarding) this.#endReceiving();
    else this.#wantDelivery();
    return missing;
  }

  /** Delivers what was kept. Called by the session. */
  deliverKept(): void {
    if (this.#receiver === undefined || this.#paused || !this.#receiveOpen) return;
    if (this.#resetCode !== NONE) {
      const receiver = this.#receiver;
      this.#endReceiving();
      receiver.onReset(this.#resetCode);
      return;
    }
    const kept = this.#unread;
    if (kept.length === 0) {
      if (this.#finalSize !== NONE) this.#pass(NOTHING);
      return;
    }
    while (kept.length > 0 && !this.#paused && this.#receiveOpen && !this.#discarding) {
      const bytes = kept.shift() ?? NOTHING;
      this.#consume(bytes.length);
      this.#pass(bytes);
    }
  }

  /** The session is gone: lets go of everything and calls nobody. */
  release(): void {
    this.#queue = [];
    this.#head = 0;
    this.#unread = [];
    this.bufferedBytes = 0;
    this.#sendOpen = false;
    this.#receiveOpen = false;
  }

  #pass(bytes: Uint8Array): void {
    const receiver = this.#receiver;
    const fin = this.#finalSize !== NONE && this.#consumedBytes === this.#finalSize;
    if (fin) this.#endReceiving();
    receiver?.onData(bytes, fin);
  }

  #wantDelivery(): void {
    if (this.#receiver === undefined || this.#paused || !this.#receiveOpen) return;
    if (this.#unread.length === 0 && this.#finalSize === NONE) return;
    this.#owner.queueDelivery(this);
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
    this.#owner.addConsumed(bytes);
    if (this.#finalSize !== NONE || this.#discarding) return;
    const window = this.#owner.streamWindowBytes;
    if (this.#receiveLimit - this.#consumedBytes > window / 2) return;
    this.#receiveLimit = this.#consumedBytes + window;
    this.#owner.sendStreamCredit(this, this.#receiveLimit);
  }

  #onWritten(written: number): void {
    if (written > 0) {
      this.bufferedBytes -= written;
      this.#owner.addBuffered(-written);
    }
    if (this.#aboveHighWater && this.bufferedBytes < this.#owner.streamLowWaterBytes) {
      this.#owner.queueNotice(this);
    }
  }

  #handedOver(written: number): number {
    this.#endSending();
    return written;
  }

  #endSending(): void {
    this.#sendOpen = false;
    this.#owner.addBuffered(-this.bufferedBytes);
    this.bufferedBytes = 0;
    this.#queue = [];
    this.#head = 0;
    this.#headOffset = 0;
    if (!this.#receiveOpen) this.#owner.streamEnded(this);
  }

  #endReceiving(): void {
    this.#receiveOpen = false;
    if (!this.#sendOpen) this.#owner.streamEnded(this);
  }
}
