import type { SendStreamHandler } from "./session.ts";

/** What a stream needs from its session in order to send. */
export interface SendOwner {
  readonly closed: boolean;
  readonly streamHighWaterBytes: number;
  readonly streamLowWaterBytes: number;
  /** Something of `stream` waits to be sent. */
  queueSend(stream: SendingStream): void;
  /** `delta` bytes more (or fewer) are buffered. */
  addBuffered(delta: number): void;
  /** The stream's send handler is to be called at the end of the flush. */
  queueNotice(stream: SendingStream): void;
  streamEnded(stream: SendingStream): void;
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
const NONE = -1;

/**
 * The sending side of a stream on any wire: a queue of the caller's chunks, which are neither copied nor joined, so that
 * what a slow peer holds up can be given up or overtaken, and is counted once. The wire takes from the head.
 */
export abstract class SendingStream<Owner extends SendOwner = SendOwner> {
  readonly id: number;
  handler: SendStreamHandler | undefined;
  bufferedBytes = 0;
  priority: number;
  /** In the owner's list of streams with something to send; owned by the session. */
  queued = false;
  /** In the owner's list of streams whose handler is to be called; owned by the session. */
  noticed = false;
  sendOpen: boolean;
  protected readonly owner: Owner;
  protected chunks: Uint8Array[] = [];
  /** Index of the first chunk that is not wholly taken, and how much of it is. */
  protected head = 0;
  protected headOffset = 0;
  protected finishing = false;
  protected receiveOpen: boolean;
  #aboveHighWater = false;
  #stopCode = NONE;

  constructor(
    options: {
      readonly id: number;
      readonly sends: boolean;
      readonly receives: boolean;
      readonly priority: number;
    },
    owner: Owner,
  ) {
    this.id = options.id;
    this.priority = options.priority;
    this.sendOpen = options.sends;
    this.receiveOpen = options.receives;
    this.owner = owner;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.sendOpen || this.finishing || this.owner.closed) return true;
    if (bytes.length !== 0) {
      this.chunks.push(bytes);
      this.bufferedBytes += bytes.length;
      this.owner.addBuffered(bytes.length);
      this.owner.queueSend(this);
    }
    if (this.bufferedBytes <= this.owner.streamHighWaterBytes) return true;
    this.#aboveHighWater = true;
    return false;
  }

  finish(): void {
    if (!this.sendOpen || this.finishing || this.owner.closed) return;
    this.finishing = true;
    this.owner.queueSend(this);
  }

  setPriority(priority: number): void {
    if (priority === this.priority || !this.sendOpen || this.owner.closed) return;
    this.priority = priority;
    this.onPriority(priority);
    if (this.queued) this.owner.queueSend(this);
  }

  /** Calls the send handler if there is something to tell. Called by the session at the end of a flush. */
  notify(): void {
    if (this.#stopCode !== NONE) {
      const code = this.#stopCode;
      this.#stopCode = NONE;
      this.handler?.onStop(code);
    } else if (this.sendOpen && this.#isDrained()) {
      this.#aboveHighWater = false;
      this.handler?.onDrain();
    }
  }

  /** The session is gone: lets go of everything and calls nobody. */
  release(): void {
    this.#forgetChunks();
    this.bufferedBytes = 0;
    this.sendOpen = false;
    this.receiveOpen = false;
  }

  /** For a wire that orders streams by itself. */
  protected onPriority(_priority: number): void {}

  /** The head was taken as a whole. */
  protected dropHead(): void {
    this.chunks[this.head] = NO_BYTES;
    this.head += 1;
    this.headOffset = 0;
  }

  /** Nothing is left of the queue. */
  protected clearTaken(): void {
    this.chunks.length = 0;
    this.head = 0;
  }

  /** Bytes left the queue. */
  protected onTaken(bytes: number): void {
    if (bytes > 0 && this.sendOpen) {
      this.bufferedBytes -= bytes;
      this.owner.addBuffered(-bytes);
    }
    if (this.#isDrained()) this.owner.queueNotice(this);
  }

  /** The peer wants no more. */
  protected onStopped(code: number): void {
    this.endSending();
    this.#stopCode = code;
    this.owner.queueNotice(this);
  }

  /** By its end, or because it is given up. */
  protected endSending(): void {
    this.sendOpen = false;
    this.owner.addBuffered(-this.bufferedBytes);
    this.bufferedBytes = 0;
    this.#forgetChunks();
    if (!this.receiveOpen) this.owner.streamEnded(this);
  }

  protected endReceiving(): void {
    this.receiveOpen = false;
    if (!this.sendOpen) this.owner.streamEnded(this);
  }

  #isDrained(): boolean {
    return this.#aboveHighWater && this.bufferedBytes < this.owner.streamLowWaterBytes;
  }

  #forgetChunks(): void {
    this.chunks = [];
    this.head = 0;
    this.headOffset = 0;
  }
}
