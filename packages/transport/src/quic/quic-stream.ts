import type { BidiStream, ReceiveStreamHandler, SendStreamHandler } from "../session.ts";
import { type NativeConnection, resetCode, SHUTDOWN_WRITE, stoppedCode } from "./native.ts";

/** Application error codes as the session's users know them, to and from what travels in QUIC frames. */
export interface ErrorCodeMapping {
  toWire(code: number): number;
  fromWire(code: number): number;
}

/** Raw QUIC: codes travel as they are. */
export const PLAIN_CODES: ErrorCodeMapping = { toWire: (code) => code, fromWire: (code) => code };

/** What a stream needs from its connection. */
export interface StreamOwner {
  readonly native: NativeConnection;
  readonly codes: ErrorCodeMapping;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  readonly closed: boolean;
  /** Something of `stream` waits to be handed to the engine. */
  queueWrite(stream: QuicStream): void;
  /** `delta` bytes more (or fewer) are buffered. */
  addBuffered(delta: number): void;
  /** The stream's handler is to be called at the end of the flush. */
  queueNotice(stream: QuicStream): void;
  /** Data may be waiting in the engine for this stream. */
  queueRead(): void;
  /** Bytes that were kept back can be delivered to this stream's receiver. */
  queueUnread(stream: QuicStream): void;
  /** Packets have to go out. */
  queueFlush(): void;
  /** Sends STOP_SENDING; false if none may be sent any more. See `StopQueue`. */
  queueStop(stream: QuicStream, wireCode: number): boolean;
  streamEnded(stream: QuicStream): void;
}

const NOTHING = new Uint8Array(0);
const NONE = -1;
/** quiche's urgency 0 goes first; ours is the other way round. */
const TOP_PRIORITY = 255;

/**
 * A QUIC stream: either direction or both. Sending keeps a queue of the caller's chunks and hands them to the
 * engine as far as congestion and flow control allow, so what a slow peer holds up stays here, counted, once.
 */
export class QuicStream implements BidiStream {
  readonly id: number;
  handler: SendStreamHandler | undefined;
  bufferedBytes = 0;
  priority: number;
  /** In the owner's list of streams with something to hand over; owned by the connection. */
  queued = false;
  /** In the owner's list of streams whose handler is to be called; owned by the connection. */
  noticed = false;
  readonly #owner: StreamOwner;
  #queue: Uint8Array[] = [];
  #head = 0;
  #headOffset = 0;
  #finishing = false;
  #sendOpen: boolean;
  #aboveHighWater = false;
  #stopCode = NONE;
  #receiver: ReceiveStreamHandler | undefined;
  #receiveOpen: boolean;
  #paused = false;
  /** Stopped without STOP_SENDING: what still comes is thrown away until the peer ends the stream. */
  #discarding = false;
  #unread: Uint8Array | undefined;
  #unreadFin = false;

  constructor(
    options: { id: number; sends: boolean; receives: boolean; priority: number },
    owner: StreamOwner,
  ) {
    this.id = options.id;
    this.priority = options.priority;
    this.#sendOpen = options.sends;
    this.#receiveOpen = options.receives;
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
    if (receiver !== undefined) this.#wantRead();
  }

  write(bytes: Uint8Array): boolean {
    if (!this.#sendOpen || this.#finishing || this.#owner.closed) return true;
    if (bytes.length !== 0) {
      this.#queue.push(bytes);
      this.bufferedBytes += bytes.length;
      this.#owner.addBuffered(bytes.length);
      this.#owner.queueWrite(this);
    }
    if (this.bufferedBytes <= this.#owner.streamHighWaterBytes) return true;
    this.#aboveHighWater = true;
    return false;
  }

  finish(): void {
    if (!this.#sendOpen || this.#finishing || this.#owner.closed) return;
    this.#finishing = true;
    this.#owner.queueWrite(this);
  }

  reset(code: number): void {
    this.resetWire(this.#owner.codes.toWire(code));
  }

  /** RESET_STREAM with a code as it travels. */
  resetWire(wireCode: number): void {
    if (!this.#sendOpen || this.#owner.closed) return;
    this.#endSending();
    this.#shutdown(SHUTDOWN_WRITE, wireCode);
  }

  setPriority(priority: number): void {
    if (priority === this.priority || !this.#sendOpen || this.#owner.closed) return;
    this.priority = priority;
    try {
      this.#owner.native.streamPriority(this.id, TOP_PRIORITY - priority, false);
    } catch {
      // The engine has collected the stream already: there is nothing left to order.
    }
    if (this.queued) this.#owner.queueWrite(this);
  }

  stop(code: number): void {
    this.stopWire(this.#owner.codes.toWire(code));
  }

  /** STOP_SENDING with a code as it travels. */
  stopWire(wireCode: number): void {
    if (!this.#receiveOpen || this.#discarding || this.#owner.closed) return;
    this.#receiver = undefined;
    this.#unread = undefined;
    if (this.#owner.queueStop(this, wireCode)) {
      this.#endReceiving();
    } else {
      this.#discarding = true;
      this.#owner.queueRead();
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
    this.#owner.queueUnread(this);
  }

  /**
   * Hands queued chunks to the engine. Returns false if it took less than all. Called by the connection's flush.
   */
  pump(): boolean {
    const { native } = this.#owner;
    let taken = 0;
    try {
      while (this.#head < this.#queue.length) {
        const chunk = this.#queue[this.#head] ?? NOTHING;
        const rest = this.#headOffset === 0 ? chunk : chunk.subarray(this.#headOffset);
        const last = this.#finishing && this.#head === this.#queue.length - 1;
        const sent = native.streamSend(this.id, rest, last) ?? 0;
        taken += sent;
        if (sent < rest.length) {
          this.#headOffset += sent;
          return false;
        }
        this.#queue[this.#head] = NOTHING;
        this.#head += 1;
        this.#headOffset = 0;
        if (last) return this.#handedOver();
      }
      this.#queue.length = 0;
      this.#head = 0;
      if (this.#finishing) {
        native.streamSend(this.id, NOTHING, true);
        return this.#handedOver();
      }
      return true;
    } catch (error) {
      this.#stopped(stoppedCode(error));
      return true;
    } finally {
      if (taken > 0 && this.#sendOpen) {
        this.bufferedBytes -= taken;
        this.#owner.addBuffered(-taken);
      }
      if (this.#aboveHighWater && this.bufferedBytes < this.#owner.streamLowWaterBytes) {
        this.#owner.queueNotice(this);
      }
    }
  }

  /** Asks the engine whether the peer stopped this stream. */
  checkStopped(): void {
    if (!this.#sendOpen) return;
    try {
      this.#owner.native.streamCapacity(this.id);
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
    while (this.#receiveOpen && !this.#paused && this.#unread === undefined) {
      if (this.#receiver === undefined && !this.#discarding) return;
      let result: [number, boolean] | null;
      try {
        result = this.#owner.native.streamRecv(this.id, buffer);
      } catch (error) {
        this.#receiveFailed(resetCode(error));
        return;
      }
      if (result === null) return;
      const [length, fin] = result;
      const receiver = this.#receiver;
      if (fin) this.#endReceiving();
      receiver?.onData(buffer.subarray(0, length), fin);
      if (length < buffer.length) return;
    }
  }

  /** Calls the send handler if there is something to tell. Called by the connection at the end of a flush. */
  notify(): void {
    if (this.#stopCode !== NONE) {
      const code = this.#stopCode;
      this.#stopCode = NONE;
      this.handler?.onStop(this.#owner.codes.fromWire(code));
    } else if (
      this.#sendOpen &&
      this.#aboveHighWater &&
      this.bufferedBytes < this.#owner.streamLowWaterBytes
    ) {
      this.#aboveHighWater = false;
      this.handler?.onDrain();
    }
  }

  /** The connection is gone: lets go of the chunks and calls nobody. */
  release(): void {
    this.#queue = [];
    this.#head = 0;
    this.bufferedBytes = 0;
    this.#sendOpen = false;
    this.#receiveOpen = false;
    this.#unread = undefined;
  }

  /** The peer sent STOP_SENDING; undefined if the engine has forgotten the stream and with it the code. */
  #stopped(wireCode: number | undefined): void {
    if (!this.#sendOpen) return;
    this.#endSending();
    // The engine answered with RESET_STREAM by itself; without this the stream would stay writable for ever.
    if (wireCode !== undefined) this.#shutdown(SHUTDOWN_WRITE, wireCode);
    this.#stopCode = wireCode ?? this.#owner.codes.toWire(0);
    this.#owner.queueNotice(this);
  }

  #wantRead(): void {
    if (this.#unread !== undefined) this.#owner.queueUnread(this);
    if (this.#receiveOpen) this.#owner.queueRead();
  }

  #handedOver(): boolean {
    this.#owner.addBuffered(-this.bufferedBytes);
    this.bufferedBytes = 0;
    this.#sendOpen = false;
    this.#queue = [];
    this.#head = 0;
    if (!this.#receiveOpen) this.#owner.streamEnded(this);
    return true;
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

  #receiveFailed(wireCode: number | undefined): void {
    const receiver = this.#receiver;
    this.#endReceiving();
    if (wireCode !== undefined) receiver?.onReset(this.#owner.codes.fromWire(wireCode));
  }

  #shutdown(direction: number, wireCode: number): void {
    try {
      this.#owner.native.streamShutdown(this.id, direction, wireCode);
    } catch {
      // The engine has collected the stream already: both sides know that it is over.
    }
    this.#owner.queueFlush();
  }
}
