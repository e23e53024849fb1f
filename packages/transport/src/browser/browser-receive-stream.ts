import type { ReceiveStream, ReceiveStreamHandler } from "../session.ts";
import type { SessionTraffic } from "./session-traffic.ts";
import { streamErrorCode, streamErrorOf } from "./stream-error-code.ts";

const NO_BYTES = new Uint8Array(0);

/** A reader that gives its chunk in a buffer of ours where the browser's stream allows it. */
interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(reason: unknown): Promise<void>;
  release(): void;
}

/** The receiving half of a stream: one loop that reads and hands on, without copying. */
export class BrowserReceiveStream implements ReceiveStream {
  readonly id: number;
  readonly #traffic: SessionTraffic;
  readonly #onDone: (() => void) | undefined;
  #readable: ReadableStream<Uint8Array> | undefined;
  #reader: ChunkReader | undefined;
  #receiver: ReceiveStreamHandler | undefined;
  #stopCode: number | undefined;
  #ended = false;
  #running = false;
  #paused = false;
  #wake: (() => void) | undefined;

  constructor(
    options: { readonly id: number; readonly readable?: ReadableStream<Uint8Array> },
    deps: { readonly traffic: SessionTraffic; readonly onDone?: () => void },
  ) {
    this.id = options.id;
    this.#readable = options.readable;
    this.#traffic = deps.traffic;
    this.#onDone = deps.onDone;
  }

  get receiver(): ReceiveStreamHandler | undefined {
    return this.#receiver;
  }

  set receiver(receiver: ReceiveStreamHandler | undefined) {
    this.#receiver = receiver;
    this.#start();
  }

  /** A stream that was opened here gets its browser stream later. */
  attach(readable: ReadableStream<Uint8Array>): void {
    this.#readable = readable;
    if (this.#stopCode !== undefined) {
      void readable.cancel(streamErrorOf(this.#stopCode)).catch(ignore);
      return;
    }
    this.#start();
  }

  /** The stream could not be opened, or its session is gone. */
  fail(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#receiver = undefined;
    this.#onDone?.();
  }

  stop(code: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopCode = code;
    this.#wake?.();
    const reason = streamErrorOf(code);
    if (this.#reader !== undefined) void this.#reader.cancel(reason).catch(ignore);
    else if (this.#readable !== undefined) void this.#readable.cancel(reason).catch(ignore);
    this.#onDone?.();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  #start(): void {
    if (this.#running || this.#ended || this.#receiver === undefined || this.#readable === undefined) return;
    this.#running = true;
    // The loop ends by itself, and all its failures go to the receiver.
    void this.#run(this.#readable);
  }

  async #run(readable: ReadableStream<Uint8Array>): Promise<void> {
    const reader = openReader(readable, this.#traffic);
    this.#reader = reader;
    try {
      while (!this.#ended) {
        const { done, value } = await reader.read();
        if (this.#paused) await this.#untilResumed();
        if (this.#ended || this.#traffic.closed) return;
        if (value !== undefined && value.byteLength > 0) {
          this.#traffic.onReceived(value.byteLength);
          this.#receiver?.onData(value, false);
        }
        if (done) {
          this.#finish((receiver) => receiver.onData(NO_BYTES, true));
          return;
        }
      }
    } catch (error) {
      // A broken connection reaches the owner as the session's `onClose`; only a real RESET_STREAM comes here.
      if (!this.#ended && !this.#traffic.closed) {
        this.#finish((receiver) => receiver.onReset(streamErrorCode(error)));
      }
    } finally {
      reader.release();
    }
  }

  #finish(tell: (receiver: ReceiveStreamHandler) => void): void {
    if (this.#ended) return;
    this.#ended = true;
    const receiver = this.#receiver;
    this.#onDone?.();
    if (receiver !== undefined) tell(receiver);
  }

  #untilResumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}

function openReader(readable: ReadableStream<Uint8Array>, traffic: SessionTraffic): ChunkReader {
  let byob: ReadableStreamBYOBReader;
  try {
    byob = readable.getReader({ mode: "byob" });
  } catch {
    // Not a byte stream in this browser: its chunks are its own.
    const reader = readable.getReader();
    return {
      read: () => reader.read(),
      cancel: (reason) => reader.cancel(reason),
      release: () => {},
    };
  }
  let buffer: ArrayBuffer | undefined = traffic.takeBuffer();
  return {
    read: async () => {
      const result = await byob.read(new Uint8Array(buffer ?? traffic.takeBuffer()));
      buffer = result.value?.buffer as ArrayBuffer | undefined;
      return result;
    },
    cancel: (reason) => byob.cancel(reason),
    release: () => {
      if (buffer !== undefined) traffic.returnBuffer(buffer);
      buffer = undefined;
    },
  };
}

function ignore(): void {
  // Cancelling a stream that is already over.
}
