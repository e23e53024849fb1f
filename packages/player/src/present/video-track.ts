import { decodeHex, type VideoRendition } from "@canopy/media/catalog";
import { PlayerError } from "../player-error.ts";
import type { EncodedFrame } from "../store/encoded-frame.ts";
import { JitterBuffer } from "../store/jitter-buffer.ts";
import { FrameQueue } from "./frame-queue.ts";

/** Decoded frames that wait for their time; hardware decoders have pools of about a dozen. */
const MAX_DECODED = 8;

/** Chunks given to the decoder that it has not begun with. */
const MAX_DECODING = 4;

/** A head of the buffer that is later than this is left behind if a newer group is due as well. */
const SKIP_LATE_US = 250_000;

/** A head of the buffer before a frame on which something happens is left behind only when it is later than this. */
const SKIP_EVENT_LATE_US = 3_000_000;

/** How long the picture stands rather than leave out a frame on which something happens. */
const EVENT_WAIT_US = 1_000_000;

/** Failures in a row, without a frame in between, after which the rendition is given up. */
const MAX_FAILURES = 5;

export interface VideoTrackDeps {
  /** A frame was decoded (it may be due already). */
  readonly onDecoded: () => void;
  /** Media time of the next event: the first frame that is not before it must be shown. Infinity: there is none. */
  readonly eventUs: () => number;
  /** "decode": goes on at the next keyframe. "codec": cannot go on. */
  readonly onError: (error: PlayerError) => void;
}

/** WebCodecs configuration of a catalog entry. `bFrames`: the decoder must be allowed to hold frames back. */
export function videoDecoderConfig(rendition: VideoRendition, bFrames: boolean): VideoDecoderConfig {
  const config: VideoDecoderConfig = {
    codec: rendition.codec,
    optimizeForLatency: !bFrames,
    hardwareAcceleration: "no-preference",
  };
  if (rendition.codedWidth !== undefined) config.codedWidth = rendition.codedWidth;
  if (rendition.codedHeight !== undefined) config.codedHeight = rendition.codedHeight;
  if (rendition.description !== undefined) config.description = decodeHex(rendition.description);
  return config;
}

/** One video rendition between network and canvas: buffer, decoder, decoded frames. */
export class VideoTrack {
  readonly name: string;
  readonly buffer = new JitterBuffer();
  readonly queue = new FrameQueue<VideoFrame>();
  readonly #config: VideoDecoderConfig;
  readonly #deps: VideoTrackDeps;
  #decoder: VideoDecoder | undefined;
  #needsKey = true;
  #failures = 0;
  #decodedFrames = 0;
  #skippedFrames = 0;
  #isHidden = false;
  #mediaUs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: { readonly name: string; readonly config: VideoDecoderConfig }, deps: VideoTrackDeps) {
    this.name = options.name;
    this.#config = options.config;
    this.#deps = deps;
  }

  get decodedFrames(): number {
    return this.#decodedFrames;
  }

  /** Frames that were never painted, for whatever reason. */
  get droppedFrames(): number {
    return this.#skippedFrames + this.queue.lateFrames + this.buffer.stats.droppedFrames;
  }

  /** Hidden: nothing is decoded, and only the newest group is kept, so that it can go on from there at once. */
  setHidden(hidden: boolean): void {
    this.#isHidden = hidden;
    if (hidden) this.queue.clear(false);
  }

  /** Decodes as much as there is room for. `mediaUs`: what is presented now. */
  feed(mediaUs: number): void {
    this.#mediaUs = mediaUs;
    if (this.#closed) return;
    if (this.#isHidden) {
      if (this.buffer.skipToNewest()) this.#needsKey = true;
      return;
    }
    for (;;) {
      if (this.queue.length >= MAX_DECODED) return;
      let frame = this.#peek(mediaUs);
      if (frame === undefined) return;
      if (this.#isTooLate(frame.timestampUs, mediaUs) && this.buffer.skipTo(mediaUs)) {
        this.#needsKey = true;
        frame = this.#peek(mediaUs);
        if (frame === undefined) return;
      }
      if (this.#needsKey && !frame.isKey) {
        this.buffer.take();
        this.#skippedFrames += 1;
        continue;
      }
      const decoder = this.#openDecoder();
      if (decoder === undefined || decoder.decodeQueueSize >= MAX_DECODING) return;
      this.buffer.take();
      this.#needsKey = false;
      if (!this.#decode(decoder, frame)) return;
    }
  }

  /** Forgets everything; times may start anywhere after it. */
  reset(): void {
    this.buffer.clear();
    this.queue.clear(true);
    this.#closeDecoder();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.reset();
  }

  /** The next frame. While the frame of an event is missing, it is waited for longer than for a plain one. */
  #peek(mediaUs: number): EncodedFrame | undefined {
    const isAwaited = this.#deps.eventUs() <= mediaUs;
    return isAwaited ? this.buffer.peek(mediaUs, EVENT_WAIT_US) : this.buffer.peek(mediaUs);
  }

  #isTooLate(timestampUs: number, mediaUs: number): boolean {
    const lateUs = mediaUs - timestampUs;
    if (lateUs <= SKIP_LATE_US) return false;
    // Decoding up to an event takes less time than it was late: the picture is behind for a moment.
    return lateUs > SKIP_EVENT_LATE_US || this.#deps.eventUs() > mediaUs;
  }

  #openDecoder(): VideoDecoder | undefined {
    if (this.#decoder !== undefined) return this.#decoder;
    const decoder: VideoDecoder = new VideoDecoder({
      output: (frame) => {
        if (this.#decoder !== decoder || this.#isHidden) {
          frame.close();
          return;
        }
        this.#failures = 0;
        this.#decodedFrames += 1;
        this.queue.push(frame);
        this.queue.keepNewestDue(this.#mediaUs, this.#deps.eventUs());
        this.#deps.onDecoded();
      },
      error: (cause) => {
        if (this.#decoder === decoder) this.#onFailed(cause);
      },
    });
    try {
      decoder.configure(this.#config);
    } catch (cause) {
      this.#onFailed(cause);
      return undefined;
    }
    this.#decoder = decoder;
    return decoder;
  }

  /** False if the rendition is given up. */
  #decode(decoder: VideoDecoder, frame: EncodedFrame): boolean {
    const { timestampUs: timestamp, payload: data } = frame;
    try {
      decoder.decode(new EncodedVideoChunk({ type: frame.isKey ? "key" : "delta", timestamp, data }));
    } catch (cause) {
      // Browsers look into what is to be a keyframe, and a foreign publisher may begin a group without one.
      this.#closeDecoder();
      this.#onFailed(cause);
    }
    return !this.#closed;
  }

  #onFailed(cause: unknown): void {
    this.#decoder = undefined;
    this.#needsKey = true;
    this.#failures += 1;
    const isOver = this.#failures >= MAX_FAILURES;
    if (isOver) this.#closed = true;
    this.#deps.onError(
      new PlayerError(isOver ? "codec" : "decode", `video decoder failed (${this.#config.codec})`, cause),
    );
  }

  #closeDecoder(): void {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#needsKey = true;
    if (decoder !== undefined && decoder.state !== "closed") decoder.close();
  }
}
