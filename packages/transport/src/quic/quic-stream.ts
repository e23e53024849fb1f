import { NO_BYTES, SendingStream, type SendOwner } from "../sending-stream.ts";
import type { BidiStream, ReceiveStreamHandler } from "../session.ts";
import { type NativeConnection, resetCode, SHUTDOWN_WRITE, stoppedCode } from "./native.ts";

/** Application error codes as the session's users know them, to and from what travels in QUIC frames. */
export interface ErrorCodeMapping {
  toWire(code: number): number;
  fromWire(code: number): number;
}

/** Raw QUIC: codes travel as they are. */
export const PLAIN_CODES: ErrorCodeMapping = { toWire: (code) => code, fromWire: (code) => code };

/** What a stream needs from its connection. */
export interface StreamOwner extends SendOwner {
  readonly native: NativeConnection;
  readonly codes: ErrorCodeMapping;
  queueSend(stream: QuicStream): void;
  queueNotice(stream: QuicStream): void;
  streamEnded(stream: QuicStream): void;
  /** Data may be waiting in the engine for this stream. */
  queueRead(): void;
  /** Bytes that were kept back can be delivered to this stream's receiver. */
  queueUnread(stream: QuicStream): void;
  /** Packets have to go out. */
  queueFlush(): void;
  /** Sends STOP_SENDING; false if none may be sent any more. See `StopQueue`. */
  queueStop(stream: QuicStream, wireCode: number): boolean;
}

/** quiche's urgency 0 goes first; ours is the other way round. */
const TOP_PRIORITY = 255;

/**
 * A QUIC stream: either direction or both. Sending keeps a queue of the caller's chunks and hands them to the
 * engine as far as congestion and flow control allow, so what a slow peer holds up stays here, counted, once.
 */
export class QuicStream extends SendingStream<StreamOwner> implements BidiStream {
  /** If the session ends before the stream: what the peer is told with RESET_STREAM, as it travels. Undefined: nothing. */
  releaseWireCode: number | undefined;
  #receiver: ReceiveStreamHandler | undefined;
  #paused = false;
  /** Stopped without STOP_SENDING: what still comes is thrown away until the peer ends the stream. */
  #discarding = false;
  #unread: Uint8Array | undefined;
  #unreadFin = false;

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receiver = receiver;
    if (receiver !== undefined) this.#wantRead();
  }

  reset(code: number): void {
    this.resetWire(this.owner.codes.toWire(code));
  }

  /** RESET_STREAM with a code as it travels. */
  resetWire(wireCode: number): void {
    if (!this.sendOpen || this.owner.closed) return;
    this.endSending();
    this.#shutdown(SHUTDOWN_WRITE, wireCode);
  }

  stop(code: number): void {
    this.stopWire(this.owner.codes.toWire(code));
  }

  /** STOP_SENDING with a code as it travels. */
  stopWire(wireCode: number): void {
    if (!this.receiveOpen || this.#discarding || this.owner.closed) return;
    this.#receiver = undefined;
    this.#unread = undefined;
    if (this.owner.queueStop(this, wireCode)) {
      this.endReceiving();
    } else {
      this.#discarding = true;
      this.owner.queueRead();
    }
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#wantRead();
  }

  /** Delivers bytes that came with a preamble at once; false if the receiver does not take them now. */
  deliverRest(bytes: Uint8Array, fin: boolean): boolean {
    if (this.#receiver === undefined || this.#paused) return this.#discarding;
    this.#receiver.onData(bytes, fin);
    return true;
  }

  /**
   * Keeps bytes that were read from the engine but belong to whoever takes the stream over, such as what follows
   * a WebTransport preamble. `bytes` are copied.
   */
  keepUnread(bytes: Uint8Array, fin: boolean): void {
    this.#unread = bytes.slice();
    this.#unreadFin = fin;
    this.owner.queueUnread(this);
  }

  /**
   * Hands queued chunks to the engine. Returns false if it took less than all. Called by the connection's flush.
   */
  pump(): boolean {
    const { native } = this.owner;
    let taken = 0;
    try {
      const { chunks } = this;
      while (this.head < chunks.length) {
        const chunk = chunks[this.head] ?? NO_BYTES;
        const rest = this.headOffset === 0 ? chunk : chunk.subarray(this.headOffset);
        const last = this.finishing && this.head === chunks.length - 1;
        const sent = native.streamSend(this.id, rest, last) ?? 0;
        taken += sent;
        if (sent < rest.length) {
          this.headOffset += sent;
          return false;
        }
        this.dropHead();
        if (last) {
          this.endSending();
          return true;
        }
      }
      this.clearTaken();
      if (this.finishing) {
        native.streamSend(this.id, NO_BYTES, true);
        this.endSending();
      }
      return true;
    } catch (error) {
      this.#stopped(stoppedCode(error));
      return true;
    } finally {
      this.onTaken(taken);
    }
  }

  /** Asks the engine whether the peer stopped this stream. */
  checkStopped(): void {
    if (!this.sendOpen) return;
    try {
      this.owner.native.streamCapacity(this.id);
    } catch (error) {
      this.#stopped(stoppedCode(error));
    }
  }

  /** Reads from the engine into `buffer` and delivers, as far as the receiver wants it. */
  read(buffer: Uint8Array): void {
    if (this.#unread !== undefined && !this.#paused && this.#receiver !== undefined) {
      const bytes = this.#unread;
      this.#unread = undefined;
      this.#receiver.onData(bytes, this.#unreadFin);
    }
    // Reading a reset can make the engine forget the stream, and with it the code of a STOP_SENDING.
    this.checkStopped();
    while (this.receiveOpen && !this.#paused && this.#unread === undefined) {
      if (this.#receiver === undefined && !this.#discarding) return;
      let result: [number, boolean] | null;
      try {
        result = this.owner.native.streamRecv(this.id, buffer);
      } catch (error) {
        this.#receiveFailed(resetCode(error));
        return;
      }
      if (result === null) return;
      const [length, fin] = result;
      const receiver = this.#receiver;
      if (fin) this.endReceiving();
      receiver?.onData(buffer.subarray(0, length), fin);
      if (length < buffer.length) return;
    }
  }

  override release(): void {
    const isUnfinished = this.sendOpen && !this.owner.closed;
    super.release();
    this.#unread = undefined;
    if (isUnfinished && this.releaseWireCode !== undefined)
      this.#shutdown(SHUTDOWN_WRITE, this.releaseWireCode);
  }

  protected override onPriority(priority: number): void {
    try {
      this.owner.native.streamPriority(this.id, TOP_PRIORITY - priority, false);
    } catch {
      // The engine has collected the stream already: there is nothing left to order.
    }
  }

  /** The peer sent STOP_SENDING; undefined if the engine has forgotten the stream and with it the code. */
  #stopped(wireCode: number | undefined): void {
    if (!this.sendOpen) return;
    this.onStopped(wireCode === undefined ? 0 : this.owner.codes.fromWire(wireCode));
    // The engine answered with RESET_STREAM by itself; without this the stream would stay writable for ever.
    if (wireCode !== undefined) this.#shutdown(SHUTDOWN_WRITE, wireCode);
  }

  #wantRead(): void {
    if (this.#unread !== undefined) this.owner.queueUnread(this);
    if (this.receiveOpen) this.owner.queueRead();
  }

  #receiveFailed(wireCode: number | undefined): void {
    const receiver = this.#receiver;
    this.endReceiving();
    if (wireCode !== undefined) receiver?.onReset(this.owner.codes.fromWire(wireCode));
  }

  #shutdown(direction: number, wireCode: number): void {
    try {
      this.owner.native.streamShutdown(this.id, direction, wireCode);
    } catch {
      // The engine has collected the stream already: both sides know that it is over.
    }
    this.owner.queueFlush();
  }
}
