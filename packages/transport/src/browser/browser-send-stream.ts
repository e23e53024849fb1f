import type { SendStream, SendStreamHandler } from "../session.ts";
import type { SessionTraffic } from "./session-traffic.ts";
import { streamErrorCode, streamErrorOf } from "./stream-error-code.ts";

/** `write` answers false above this; about 170 ms of 3 Mbit/s video per stream. */
const HIGH_WATER_BYTES = 64 * 1024;

/** `onDrain` comes when less than this is left. */
const LOW_WATER_BYTES = 16 * 1024;

/**
 * The sending half of a stream. Writes wait in a queue until the browser has opened the stream, and after that
 * while it has no room; the session closes itself when the sum over its streams passes its hard bound.
 */
export class BrowserSendStream implements SendStream {
  readonly id: number;
  handler: SendStreamHandler | undefined;
  readonly #traffic: SessionTraffic;
  readonly #onBuffered: () => void;
  readonly #onDone: (() => void) | undefined;
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #waiting: Uint8Array[] = [];
  #bufferedBytes = 0;
  #over = false;
  #finished = false;
  #resetCode: number | undefined;
  #needsDrain = false;

  constructor(
    options: { readonly id: number },
    deps: {
      readonly traffic: SessionTraffic;
      /** More bytes are buffered: the session checks its bound. */
      readonly onBuffered: () => void;
      readonly onDone?: () => void;
    },
  ) {
    this.id = options.id;
    this.#traffic = deps.traffic;
    this.#onBuffered = deps.onBuffered;
    this.#onDone = deps.onDone;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  attach(writable: WritableStream<Uint8Array>): void {
    if (this.#resetCode !== undefined) {
      void writable.abort(streamErrorOf(this.#resetCode)).catch(ignore);
      return;
    }
    if (this.#over) {
      void writable.abort().catch(ignore);
      return;
    }
    const writer = writable.getWriter();
    this.#writer = writer;
    writer.closed.then(
      () => this.#end(),
      (error: unknown) => this.#onStopped(streamErrorCode(error)),
    );
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const bytes of waiting) this.#send(writer, bytes);
    if (this.#finished) void writer.close().catch(ignore);
  }

  /** The stream could not be opened, or its session is gone. */
  fail(): void {
    this.handler = undefined;
    this.#end();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#over || this.#finished || bytes.byteLength === 0) return true;
    this.#bufferedBytes += bytes.byteLength;
    this.#traffic.bufferedBytes += bytes.byteLength;
    if (this.#writer === undefined) this.#waiting.push(bytes);
    else this.#send(this.#writer, bytes);
    this.#onBuffered();
    if (this.#bufferedBytes <= HIGH_WATER_BYTES) return true;
    this.#needsDrain = true;
    return false;
  }

  finish(): void {
    if (this.#over || this.#finished) return;
    this.#finished = true;
    if (this.#writer !== undefined) void this.#writer.close().catch(ignore);
  }

  reset(code: number): void {
    if (this.#over) return;
    this.#resetCode = code;
    const writer = this.#writer;
    this.#end();
    if (writer !== undefined) void writer.abort(streamErrorOf(code)).catch(ignore);
  }

  /** Browsers offer no order among streams that this interface could use (no `sendOrder` in Chromium). */
  setPriority(_priority: number): void {}

  #send(writer: WritableStreamDefaultWriter<Uint8Array>, bytes: Uint8Array): void {
    writer.write(bytes).then(
      () => this.#onTaken(bytes.byteLength),
      // The reason comes once, through `writer.closed`.
      ignore,
    );
  }

  #onTaken(bytes: number): void {
    if (this.#over) return;
    this.#traffic.sentBytes += bytes;
    this.#traffic.bufferedBytes -= bytes;
    this.#bufferedBytes -= bytes;
    if (this.#needsDrain && this.#bufferedBytes < LOW_WATER_BYTES) {
      this.#needsDrain = false;
      if (!this.#traffic.closed) this.handler?.onDrain();
    }
  }

  #onStopped(code: number): void {
    if (this.#over) return;
    const { handler } = this;
    this.#end();
    if (!this.#traffic.closed) handler?.onStop(code);
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#traffic.bufferedBytes -= this.#bufferedBytes;
    this.#bufferedBytes = 0;
    this.#waiting = [];
    this.#onDone?.();
  }
}

function ignore(): void {
  // Ending a stream that is already over.
}
