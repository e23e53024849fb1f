import { BoundedQueue, backoffMs, type Clock, deadline, type Logger } from "@canopy/runtime";
import { OriginError } from "../origin-error.ts";
import { BridgeCounters } from "./bridge-counters.ts";
import { type BridgeFrame, batchedBytes, readFrameBatch, writeFrameBatch } from "./frame-batch.ts";
import { bridgeKind, type TranscodeFormat } from "./transcode-format.ts";
import type { FromWorker, ToWorker } from "./worker-messages.ts";

/** One thread; its events are those of a `Worker`. */
export interface TranscoderWorker {
  post(message: ToWorker, transfer: readonly ArrayBuffer[]): void;
  /**
   * Asks it to end when it is through with what it has; no event comes afterwards. Resolves when it is gone, never if it
   * hangs. It must not be forced: FFmpeg's binding ends the whole process when its thread is terminated inside a call.
   */
  end(): Promise<void>;
}

export interface TranscoderWorkerEvents {
  onMessage(message: FromWorker): void;
  /** It is gone, called once. */
  onExit(reason: string): void;
}

/** Takes what a transcoding gives. */
export interface TranscodingOutput {
  /** `payload` is valid during the call. */
  onFrame(timestampUs: number, payload: Uint8Array): void;
  /** It cannot go on; called once, and nothing after it. */
  onFailed(error: OriginError): void;
}

export interface TranscoderThreadOptions {
  /** Frames of one transcoding that may wait; the oldest is dropped for a newer one. */
  readonly maxQueuedFrames: number;
  /** Bytes of all frames that may wait: the worst-case memory here. The longest queue loses its oldest frame. */
  readonly maxQueuedBytes: number;
  /** A larger frame is no sound. */
  readonly maxFrameBytes: number;
  /** A thread that gives no answer for so long hangs: it is left alone, and another one is started. */
  readonly stallMs: number;
  /** A thread without work is ended after this time. */
  readonly idleMs: number;
  /** Deaths in a row, each soon after the start, that end all attempts. */
  readonly maxAttempts: number;
}

export const DEFAULT_TRANSCODER_THREAD: TranscoderThreadOptions = {
  // Half a second of the shortest Opus frames, 5 s of AAC.
  maxQueuedFrames: 240,
  maxQueuedBytes: 8 * 1024 * 1024,
  // Eight channels of AAC have at most 6 KiB, 120 ms of Opus at its highest rate 8.
  maxFrameBytes: 16 * 1024,
  stallMs: 10_000,
  idleMs: 60_000,
  maxAttempts: 8,
};

export interface TranscoderThreadDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  startWorker(events: TranscoderWorkerEvents): TranscoderWorker;
  /** Runs soon, after everything that arrived in this turn. Default: `setImmediate`. */
  readonly schedule?: (send: () => void) => void;
}

/** Batches in the thread's hands: one that it works on, one that waits, so that it never runs dry. */
const MAX_BATCHES_IN_FLIGHT = 2;
const MAX_BATCH_BYTES = 256 * 1024;
const TICK_MS = 1_000;
/** Two batches take milliseconds. */
const END_DEADLINE_MS = 3_000;
/** A thread that ran this long before it died was well. */
const STABLE_MS = 30_000;

/** A stream of sound that is being transcoded. */
export class Transcoding {
  readonly id: number;
  readonly format: TranscodeFormat;
  readonly output: TranscodingOutput;
  readonly queue: BoundedQueue<BridgeFrame>;
  readonly #thread: TranscoderThread;

  constructor(
    id: number,
    format: TranscodeFormat,
    output: TranscodingOutput,
    queue: BoundedQueue<BridgeFrame>,
    thread: TranscoderThread,
  ) {
    this.id = id;
    this.format = format;
    this.output = output;
    this.queue = queue;
    this.#thread = thread;
  }

  /** One frame of the source; kept until it is sent, not copied: its bytes must not change. */
  push(timestampUs: number, payload: Uint8Array): void {
    this.#thread.push(this, timestampUs, payload);
  }

  /** Nothing comes out any more. Idempotent. */
  close(): void {
    this.#thread.release(this);
  }
}

type ThreadState = "idle" | "starting" | "running" | "waiting" | "unavailable" | "closed";

/**
 * The one thread of this process that transcodes: started when it is first needed, watched, and started again when it
 * dies. Frames wait here in bounded queues and go to it batch by batch; the queues are the only place where a thread
 * that is too slow is felt.
 */
export class TranscoderThread implements AsyncDisposable {
  readonly counters = new BridgeCounters();
  readonly #options: TranscoderThreadOptions;
  readonly #deps: TranscoderThreadDeps;
  readonly #schedule: (send: () => void) => void;
  readonly #open = new Map<number, Transcoding>();
  #state: ThreadState = "idle";
  #problem: OriginError | undefined;
  #worker: TranscoderWorker | undefined;
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #nextId = 1;
  #queuedBytes = 0;
  /** Number of frames in each batch that the thread has not answered yet. */
  #inFlight: number[] = [];
  #scheduled = false;
  #startedMs = 0;
  #attempt = 0;
  /** Since when an answer is awaited, ms; undefined: none is. */
  #awaitingSinceMs: number | undefined;
  #idleSinceMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: TranscoderThreadOptions, deps: TranscoderThreadDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#schedule = deps.schedule ?? setImmediate;
  }

  /** Why nothing can be transcoded here, if that is so. */
  get problem(): OriginError | undefined {
    return this.#problem;
  }

  /** Bytes of frames that wait. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Begins a transcoding; the thread is started if need be. `undefined` if nothing can be transcoded here. */
  open(format: TranscodeFormat, output: TranscodingOutput): Transcoding | undefined {
    if (this.#state === "unavailable" || this.#state === "closed") return undefined;
    const queue = new BoundedQueue<BridgeFrame>({
      capacity: this.#options.maxQueuedFrames,
      overflow: "drop-oldest",
      onDrop: (frame) => this.#onDropped(frame),
    });
    const transcoding = new Transcoding(this.#nextId++, format, output, queue, this);
    this.#open.set(transcoding.id, transcoding);
    this.counters.active[bridgeKind(format)]++;
    if (this.#state === "idle") this.#start();
    else if (this.#state === "running") this.#post({ kind: "open", id: transcoding.id, format });
    return transcoding;
  }

  /** @internal by `Transcoding` */
  push(transcoding: Transcoding, timestampUs: number, payload: Uint8Array): void {
    if (!this.#open.has(transcoding.id)) return;
    const { maxFrameBytes, maxQueuedBytes } = this.#options;
    if (payload.length > maxFrameBytes) {
      this.counters.dropped.oversize++;
      return;
    }
    const size = batchedBytes(payload.length);
    this.#queuedBytes += size;
    transcoding.queue.push({ id: transcoding.id, timestampUs, payload });
    while (this.#queuedBytes > maxQueuedBytes && this.#dropOldest()) {
      // Until it fits.
    }
    this.#wake();
  }

  /** @internal by `Transcoding` */
  release(transcoding: Transcoding): void {
    if (!this.#forget(transcoding)) return;
    if (this.#state === "running") this.#post({ kind: "close", id: transcoding.id });
  }

  /** Ends all transcodings; resolves when the thread is gone, or does not come back. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const worker = this.#worker;
    this.#stop("closed");
    for (const transcoding of [...this.#open.values()]) this.#forget(transcoding);
    if (worker === undefined) return;
    try {
      await deadline(worker.end(), END_DEADLINE_MS, "the end of the audio thread");
    } catch (error) {
      this.#deps.logger.warn({ error: String(error) }, "the audio thread hangs");
    }
  }

  // ------------------------------------------------------------------ queues

  #onDropped({ payload }: BridgeFrame): void {
    this.#queuedBytes -= batchedBytes(payload.length);
    this.counters.dropped.queue++;
  }

  #dropOldest(): boolean {
    let longest: Transcoding | undefined;
    for (const transcoding of this.#open.values()) {
      if (transcoding.queue.size > (longest?.queue.size ?? 0)) longest = transcoding;
    }
    const oldest = longest?.queue.shift();
    if (oldest === undefined) return false;
    this.#onDropped(oldest);
    return true;
  }

  #forget(transcoding: Transcoding): boolean {
    if (!this.#open.delete(transcoding.id)) return false;
    this.counters.active[bridgeKind(transcoding.format)]--;
    // Nobody waits for these any more: they are not lost.
    for (let frame = transcoding.queue.shift(); frame !== undefined; frame = transcoding.queue.shift()) {
      this.#queuedBytes -= batchedBytes(frame.payload.length);
    }
    if (this.#open.size === 0) this.#idleSinceMs = this.#deps.clock.nowMs();
    return true;
  }

  #wake(): void {
    if (this.#scheduled || this.#state !== "running" || this.#inFlight.length >= MAX_BATCHES_IN_FLIGHT)
      return;
    this.#scheduled = true;
    this.#schedule(this.#send);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    while (this.#state === "running" && this.#inFlight.length < MAX_BATCHES_IN_FLIGHT) {
      const frames = this.#takeBatch();
      if (frames.length === 0) return;
      const batch = writeFrameBatch(frames);
      this.#inFlight.push(frames.length);
      this.#awaitingSinceMs ??= this.#deps.clock.nowMs();
      this.#post({ kind: "frames", batch }, [batch]);
    }
  };

  #takeBatch(): BridgeFrame[] {
    const frames: BridgeFrame[] = [];
    let bytes = 0;
    for (const { queue } of this.#open.values()) {
      while (queue.size > 0 && bytes < MAX_BATCH_BYTES) {
        const frame = queue.shift();
        if (frame === undefined) break;
        bytes += batchedBytes(frame.payload.length);
        frames.push(frame);
      }
      if (bytes >= MAX_BATCH_BYTES) break;
    }
    this.#queuedBytes -= bytes;
    return frames;
  }

  // ------------------------------------------------------------------ the thread

  #start(): void {
    const { clock, startWorker } = this.#deps;
    this.#state = "starting";
    this.#startedMs = clock.nowMs();
    this.#awaitingSinceMs = this.#startedMs;
    this.#timer ??= setInterval(() => this.tick(clock.nowMs()), TICK_MS).unref();
    try {
      this.#worker = startWorker({
        onMessage: (message) => this.#onMessage(message),
        onExit: (reason) => this.#onExit(reason),
      });
    } catch (cause) {
      this.#giveUp(cause instanceof Error ? cause.message : String(cause));
    }
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker?.post(message, transfer);
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case "ready":
        this.#onReady();
        break;
      case "unavailable":
        this.#giveUp(`FFmpeg cannot be loaded: ${message.reason}`);
        break;
      case "failed":
        this.#onFailed(message.id, message.reason);
        break;
      case "done":
        this.#onDone(message.batch, message.undecodable);
        break;
    }
  }

  #onReady(): void {
    this.#state = "running";
    this.#awaitingSinceMs = undefined;
    for (const { id, format } of this.#open.values()) this.#post({ kind: "open", id, format });
    this.#wake();
  }

  #onDone(batch: ArrayBuffer, undecodable: number): void {
    this.#inFlight.shift();
    this.#awaitingSinceMs = this.#inFlight.length === 0 ? undefined : this.#deps.clock.nowMs();
    this.counters.dropped.undecodable += undecodable;
    for (const { id, timestampUs, payload } of readFrameBatch(batch)) {
      const transcoding = this.#open.get(id);
      if (transcoding === undefined) continue;
      this.counters.frames[bridgeKind(transcoding.format)]++;
      transcoding.output.onFrame(timestampUs, payload);
    }
    this.#wake();
  }

  #onFailed(id: number, reason: string): void {
    const transcoding = this.#open.get(id);
    if (transcoding === undefined || !this.#forget(transcoding)) return;
    this.#deps.logger.warn({ reason, kind: bridgeKind(transcoding.format) }, "sound cannot be transcoded");
    transcoding.output.onFailed(new OriginError("bridge-failed", reason));
  }

  #onExit(reason: string): void {
    const nowMs = this.#deps.clock.nowMs();
    this.#stop("waiting");
    if (nowMs - this.#startedMs > STABLE_MS) this.#attempt = 0;
    if (this.#attempt >= this.#options.maxAttempts) {
      this.#giveUp(`the thread ends again and again: ${reason}`);
      return;
    }
    const waitMs = backoffMs(this.#attempt++, Math.random());
    this.counters.restarts++;
    this.#deps.logger.warn({ reason, waitMs }, "the audio thread has ended and is started again");
    this.#retry = setTimeout(() => {
      if (this.#open.size === 0) this.#state = "idle";
      else this.#start();
    }, waitMs).unref();
  }

  /** Once a second while there is a thread. */
  tick(nowMs: number): void {
    const { stallMs, idleMs } = this.#options;
    if (this.#awaitingSinceMs !== undefined && nowMs - this.#awaitingSinceMs > stallMs) {
      this.#onExit("no answer");
    } else if (this.#state === "running" && this.#open.size === 0 && nowMs - this.#idleSinceMs > idleMs) {
      this.#stop("idle");
    }
  }

  #giveUp(reason: string): void {
    this.#stop("unavailable");
    this.#problem = new OriginError("bridge-unavailable", `Sound cannot be transcoded here: ${reason}.`);
    this.counters.unavailable++;
    this.#deps.logger.warn({ reason }, "sound cannot be transcoded here; the audio bridge is off");
    for (const transcoding of [...this.#open.values()]) {
      if (this.#forget(transcoding)) transcoding.output.onFailed(this.#problem);
    }
  }

  /** Lets go of the thread and of what was in its hands. */
  #stop(state: ThreadState): void {
    this.#state = state;
    clearInterval(this.#timer);
    clearTimeout(this.#retry);
    this.#timer = undefined;
    this.#awaitingSinceMs = undefined;
    const isLost = state === "waiting" || state === "unavailable";
    if (isLost) for (const frames of this.#inFlight) this.counters.dropped.restart += frames;
    this.#inFlight = [];
    const worker = this.#worker;
    this.#worker = undefined;
    void worker?.end();
  }
}
