import type { VideoRendition } from "@canopy/media/catalog";
import { legacyHeaderBytes, writeLegacyHeader } from "@canopy/media/container";
import { forEachNal, h264CodecString, NAL_SPS, nalUnitType, parseSps } from "@canopy/media/h264";
import type { ServedTrack } from "@canopy/protocol";
import { PlayerError } from "../player-error.ts";
import { BitrateControl } from "./bitrate-control.ts";
import { CaptureClock } from "./capture-clock.ts";
import { encodeSize, h264Candidates, type Size } from "./encode-size.ts";
import { FramePacer } from "./frame-pacer.ts";
import { type FrameSource, pictureLoop, processTrack } from "./media-frames.ts";
import type { VideoLimits } from "./publish-options.ts";

/** Pictures that may wait in the encoder; more means that it cannot keep up, and each would add its delay. */
const MAX_ENCODE_QUEUE = 2;
/** Unsent media, in time at the present bitrate, above which new pictures are left out. */
const MAX_BACKLOG_MS = 400;

export interface VideoSenderOptions {
  readonly limits: VideoLimits;
  readonly keyframeIntervalMs: number;
}

export interface VideoSenderDeps {
  readonly track: ServedTrack;
  /** Wall clock, µs since the Unix epoch. */
  readonly nowUs: () => number;
  /** The first picture is out, or its description changed. */
  readonly onRendition: (rendition: VideoRendition) => void;
  /** The track ended (undefined) or encoding failed for good. */
  readonly onEnd: (error: PlayerError | undefined) => void;
}

export interface VideoSenderStats {
  readonly encodedFrames: number;
  readonly droppedFrames: number;
  readonly keyframes: number;
  readonly encodedBytes: number;
  readonly targetBps: number;
  readonly size: Size | undefined;
  readonly codec: string | undefined;
}

/** Encodes the pictures of a track as H.264 and writes them to a served track, one group per keyframe. */
export class VideoSender {
  readonly #options: VideoSenderOptions;
  readonly #deps: VideoSenderDeps;
  readonly #source: FrameSource;
  readonly #clock = new CaptureClock();
  #limits: VideoLimits;
  #pacer: FramePacer;
  readonly #bitrate: BitrateControl;
  #encoder: VideoEncoder | undefined;
  #config: VideoEncoderConfig | undefined;
  #configuring = false;
  #pictureSize: Size | undefined;
  #lastKeyframeUs: number | undefined;
  #lastTimestampUs = 0;
  #wantKeyframe = true;
  #encodedFrames = 0;
  #droppedFrames = 0;
  #keyframes = 0;
  #encodedBytes = 0;
  #rendition: VideoRendition | undefined;
  #stopped = false;

  constructor(media: MediaStreamTrack, options: VideoSenderOptions, deps: VideoSenderDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#limits = options.limits;
    this.#pacer = new FramePacer(options.limits.fps);
    this.#bitrate = new BitrateControl(options.limits.bitrate);
    this.#source =
      processTrack<VideoFrame>(
        media,
        (frame) => this.#onPicture(frame),
        () => this.#end(undefined),
      ) ?? pictureLoop(media, (frame) => this.#onPicture(frame));
  }

  stats(): VideoSenderStats {
    return {
      encodedFrames: this.#encodedFrames,
      droppedFrames: this.#droppedFrames,
      keyframes: this.#keyframes,
      encodedBytes: this.#encodedBytes,
      targetBps: this.#bitrate.targetBps,
      size: this.#config && { width: this.#config.width, height: this.#config.height },
      codec: this.#rendition?.codec,
    };
  }

  /** A new session gets its own first group, at once: what the last session got is not sent again. */
  startAnew(): void {
    this.#wantKeyframe = true;
    this.#deps.track.forgetGroup();
  }

  /** From the next picture on. */
  setLimits(limits: VideoLimits): void {
    if (limits.fps !== this.#limits.fps) this.#pacer = new FramePacer(limits.fps);
    this.#limits = limits;
    this.#bitrate.setMax(limits.bitrate);
    // The next picture counts as one of another size, for which the encoder is configured anew.
    this.#pictureSize = undefined;
  }

  /** Follows the state of the path; about twice a second. */
  adapt(): void {
    if (!this.#bitrate.update(this.#deps.track.backlogBytes, performance.now())) return;
    if (!this.#encoder || !this.#config || this.#encoder.state !== "configured") return;
    this.#config = { ...this.#config, bitrate: this.#bitrate.targetBps };
    this.#encoder.configure(this.#config);
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source.stop();
    if (this.#encoder && this.#encoder.state !== "closed") this.#encoder.close();
  }

  #onPicture(frame: VideoFrame): void {
    try {
      if (this.#stopped) return;
      this.#clock.observe(frame.timestamp, this.#deps.nowUs());
      if (!this.#pacer.accept(frame.timestamp)) return;
      const size = { width: frame.displayWidth, height: frame.displayHeight };
      if (size.width !== this.#pictureSize?.width || size.height !== this.#pictureSize.height) {
        this.#pictureSize = size;
        void this.#configure(size);
      }
      this.#encode(frame);
    } finally {
      frame.close();
    }
  }

  #encode(frame: VideoFrame): void {
    const encoder = this.#encoder;
    if (this.#configuring || encoder?.state !== "configured") return;
    const backlogMs = (this.#deps.track.backlogBytes * 8000) / this.#bitrate.targetBps;
    if (encoder.encodeQueueSize > MAX_ENCODE_QUEUE || backlogMs > MAX_BACKLOG_MS) {
      this.#droppedFrames += 1;
      return;
    }
    const sinceMs = (frame.timestamp - (this.#lastKeyframeUs ?? Number.NEGATIVE_INFINITY)) / 1000;
    const keyFrame = this.#wantKeyframe || sinceMs >= this.#options.keyframeIntervalMs || sinceMs < 0;
    if (keyFrame) {
      this.#wantKeyframe = false;
      this.#lastKeyframeUs = frame.timestamp;
    }
    encoder.encode(frame, { keyFrame });
  }

  async #configure(picture: Size): Promise<void> {
    this.#configuring = true;
    try {
      const size = encodeSize(picture, this.#limits);
      const config = await supportedConfig(size, this.#limits.fps, this.#bitrate.targetBps);
      if (this.#stopped || this.#pictureSize !== picture) return;
      if (config === undefined) {
        this.#end(
          new PlayerError("unsupported", `this browser cannot encode H.264 at ${size.width}×${size.height}`),
        );
        return;
      }
      this.#config = config;
      this.#encoder ??= new VideoEncoder({
        output: (chunk) => this.#onChunk(chunk),
        error: (cause) => this.#end(new PlayerError("codec", "the video encoder failed", cause)),
      });
      this.#encoder.configure(config);
      this.#wantKeyframe = true;
    } finally {
      if (this.#pictureSize === picture) this.#configuring = false;
    }
  }

  #onChunk(chunk: EncodedVideoChunk): void {
    if (this.#stopped) return;
    // Strictly rising: the anchor of the capture clock may have moved back by less than a frame.
    const timestampUs = Math.max(this.#lastTimestampUs + 1, this.#clock.toWallUs(chunk.timestamp));
    this.#lastTimestampUs = timestampUs;
    const payload = new Uint8Array(legacyHeaderBytes(timestampUs) + chunk.byteLength);
    const at = writeLegacyHeader(payload, 0, timestampUs);
    chunk.copyTo(payload.subarray(at));
    if (chunk.type === "key") {
      this.#keyframes += 1;
      this.#describe(payload.subarray(at));
      this.#deps.track.startGroup();
    }
    this.#deps.track.write(timestampUs, payload);
    this.#encodedFrames += 1;
    this.#encodedBytes += chunk.byteLength;
  }

  /** What the encoder really made stands in its SPS. */
  #describe(annexB: Uint8Array): void {
    let rendition: VideoRendition | undefined;
    forEachNal(annexB, (nal) => {
      if (rendition !== undefined || nalUnitType(nal[0]) !== NAL_SPS) return;
      const sps = parseSps(nal);
      rendition = {
        codec: h264CodecString(sps),
        codedWidth: sps.codedWidth,
        codedHeight: sps.codedHeight,
        framerate: this.#limits.fps,
        bitrate: this.#limits.bitrate,
        optimizeForLatency: true,
      };
    });
    if (rendition === undefined || JSON.stringify(rendition) === JSON.stringify(this.#rendition)) return;
    this.#rendition = rendition;
    this.#deps.onRendition(rendition);
  }

  #end(error: PlayerError | undefined): void {
    if (this.#stopped) return;
    this.stop();
    this.#deps.onEnd(error);
  }
}

async function supportedConfig(
  size: Size,
  framerate: number,
  bitrate: number,
): Promise<VideoEncoderConfig | undefined> {
  for (const codec of h264Candidates(size, framerate)) {
    const config: VideoEncoderConfig = {
      codec,
      ...size,
      bitrate,
      framerate,
      latencyMode: "realtime",
      bitrateMode: "variable",
      avc: { format: "annexb" },
    };
    try {
      if ((await VideoEncoder.isConfigSupported(config)).supported === true) return config;
    } catch {
      // An encoder may refuse a string that it does not know by throwing.
    }
  }
  return undefined;
}
