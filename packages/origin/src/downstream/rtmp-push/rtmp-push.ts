import { type BackoffOptions, backoffMs } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import type { RtmpMetadata } from "./rtmp-client.ts";
import { RTMP_AUDIO, RTMP_VIDEO, RtmpPublisher } from "./rtmp-publisher.ts";

export interface RtmpPushOptions {
  readonly url: string;
  /** Handshake, connect, createStream and publish together, ms. */
  readonly openTimeoutMs: number;
  /** Unsent bytes above which frames are dropped up to the next keyframe: the bound of this connection's memory. */
  readonly maxBacklogBytes: number;
  /** A server that takes nothing for this long is left and connected to anew, ms. */
  readonly stalledMs: number;
  readonly backoff: BackoffOptions;
}

/** 512 KB are about 2 s at 2 Mbit/s; after a restart of the target, the next attempt comes within 2 s. */
export const DEFAULT_RTMP_PUSH: Omit<RtmpPushOptions, "url"> = {
  openTimeoutMs: 8_000,
  maxBacklogBytes: 512 * 1024,
  stalledMs: 10_000,
  backoff: { baseMs: 250, capMs: 2_000 },
};

/** What a stream is: told to the server at the start and whenever it changes. */
export interface RtmpStreamDescription {
  readonly metadata: RtmpMetadata;
  /** Tag bodies of the sequence headers; undefined: there is no such track. */
  readonly video: Uint8Array | undefined;
  readonly audio: Uint8Array | undefined;
}

export interface RtmpPushEvents {
  /** Connected: frames are taken from now on, beginning with a keyframe. */
  onLive(): void;
  /** The connection is lost or was not made; the next attempt comes in `waitMs`. */
  onLost(error: OriginError | undefined, waitMs: number): void;
}

export interface RtmpPushDeps extends RtmpPushEvents {
  readonly random?: () => number;
}

/**
 * Publishes a stream to an RTMP server and comes back by itself when the server goes away. Frames are never kept: what
 * cannot be sent is dropped up to the next keyframe, and counted.
 */
export class RtmpPush implements Disposable {
  droppedFrames = 0;
  sentFrames = 0;
  sentBytes = 0;
  /** Attempts after the first one. */
  retries = 0;
  readonly #options: RtmpPushOptions;
  readonly #deps: RtmpPushDeps;
  #description: RtmpStreamDescription | undefined;
  #described = false;
  #publisher: RtmpPublisher | undefined;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** Time 0 of this connection; undefined until its first keyframe (or audio, without video). */
  #baseUs: number | undefined;
  #skipToKeyframe = true;
  #backlogSinceMs: number | undefined;

  constructor(options: RtmpPushOptions, deps: RtmpPushDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  get live(): boolean {
    return this.#publisher?.live === true;
  }

  /** Media time that is 0 in this connection; undefined until the frame that it begins with was admitted. */
  get startUs(): number | undefined {
    return this.#baseUs;
  }

  /** Connects, now and whenever the connection is lost. */
  start(): void {
    if (!this.#closed && this.#publisher === undefined) this.#connect();
  }

  /** Once more before the keyframe that needs it. */
  describe(description: RtmpStreamDescription): void {
    this.#description = description;
    this.#described = false;
  }

  /** The frame's time in this connection, ms; undefined if it is not to be sent (and is counted). Hot path. */
  admitVideo(decodeUs: number, isKeyframe: boolean): number | undefined {
    if (!this.#hasRoom() || (this.#skipToKeyframe && !isKeyframe)) return this.#drop();
    this.#skipToKeyframe = false;
    return this.#time(decodeUs);
  }

  /** Likewise. With video, the stream starts on a keyframe; sound from before it has nothing to go with. */
  admitAudio(timestampUs: number): number | undefined {
    if (!this.#hasRoom()) return this.#drop();
    const base = this.#baseUs;
    const isEarly = base === undefined ? this.#description?.video !== undefined : timestampUs < base;
    return isEarly ? this.#drop() : this.#time(timestampUs);
  }

  sendVideo(timeMs: number, body: Uint8Array): void {
    this.#send(RTMP_VIDEO, timeMs, body);
  }

  sendAudio(timeMs: number, body: Uint8Array): void {
    this.#send(RTMP_AUDIO, timeMs, body);
  }

  /** Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#publisher?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #send(type: typeof RTMP_AUDIO | typeof RTMP_VIDEO, timeMs: number, body: Uint8Array): void {
    this.sentBytes += this.#publisher?.send(type, timeMs, body) ?? 0;
    this.sentFrames += 1;
  }

  #drop(): undefined {
    this.droppedFrames += 1;
    return undefined;
  }

  #hasRoom(): boolean {
    const publisher = this.#publisher;
    if (publisher?.live !== true || this.#description === undefined) return false;
    if (publisher.backlogBytes <= this.#options.maxBacklogBytes) {
      this.#backlogSinceMs = undefined;
      return true;
    }
    this.#skipToKeyframe = true;
    const nowMs = performance.now();
    this.#backlogSinceMs ??= nowMs;
    if (nowMs - this.#backlogSinceMs > this.#options.stalledMs) {
      publisher.close(new OriginError("target-stalled", "The target has stopped taking data."));
    }
    return false;
  }

  #time(timestampUs: number): number {
    this.#baseUs ??= timestampUs;
    const timeMs = Math.max(0, Math.round((timestampUs - this.#baseUs) / 1_000));
    if (!this.#described) this.#sendDescription(timeMs);
    return timeMs;
  }

  #sendDescription(timeMs: number): void {
    const description = this.#description;
    const publisher = this.#publisher;
    if (description === undefined || publisher === undefined) return;
    this.#described = true;
    publisher.describe(description.metadata);
    const { video, audio } = description;
    if (video !== undefined) this.sentBytes += publisher.send(RTMP_VIDEO, timeMs, video);
    if (audio !== undefined) this.sentBytes += publisher.send(RTMP_AUDIO, timeMs, audio);
  }

  #connect(): void {
    this.#baseUs = undefined;
    this.#described = false;
    this.#skipToKeyframe = true;
    this.#backlogSinceMs = undefined;
    const publisher = new RtmpPublisher((error) => {
      if (this.#publisher === publisher) this.#reconnect(error);
    });
    this.#publisher = publisher;
    const { url, openTimeoutMs } = this.#options;
    publisher.open(url, this.#description?.metadata ?? {}, openTimeoutMs).then(
      () => {
        this.#attempt = 0;
        this.#deps.onLive();
      },
      // The publisher's end has already been told to #reconnect, which also tells it on.
      () => undefined,
    );
  }

  #reconnect(error: OriginError | undefined): void {
    if (this.#closed) return;
    const waitMs = backoffMs(this.#attempt++, (this.#deps.random ?? Math.random)(), this.#options.backoff);
    this.#retry = setTimeout(() => {
      this.retries += 1;
      this.#connect();
    }, waitMs);
    this.#deps.onLost(error, waitMs);
  }
}
