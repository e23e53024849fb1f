import { MediaError } from "@canopy/media";
import { aacCodecString, parseAudioSpecificConfig } from "@canopy/media/aac";
import { type AudioRendition, encodeHex } from "@canopy/media/catalog";
import { type AudioTag, parseAudioTagBody, parseVideoTagBody, type VideoTag } from "@canopy/media/flv";
import { parseOpusHead } from "@canopy/media/opus";
import { RelayError } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import type { AudioLane } from "../../ingest/audio-lane.ts";
import type { BroadcastIngest } from "../../ingest/broadcast-ingest.ts";
import { describeH264 } from "../../ingest/describe-h264.ts";
import { H264Shaper } from "../../ingest/h264-shaper.ts";
import { Pace } from "../../ingest/pace.ts";
import { TimestampUnwrapper } from "../../ingest/timestamp-unwrapper.ts";
import type { TrackMeter } from "../../ingest/track-meter.ts";
import type { VideoLane } from "../../ingest/video-lane.ts";
import { OriginError } from "../../origin-error.ts";
import type { RtmpPublication } from "./rtmp-connection.ts";
import type { RtmpMediaKind } from "./rtmp-protocol.ts";
import { readScriptData, type StreamMetadata } from "./script-data.ts";

export interface FlvIngestDeps {
  readonly ingest: BroadcastIngest;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called once, when the publisher is gone. */
  release(): void;
}

const VIDEO_TRACK = "video";
const AUDIO_TRACK = "audio";
/** Reorder delays are told to players in steps, so that the catalog does not change with every group. */
const JITTER_STEP_MS = 20;

/** Turns the FLV tags of one RTMP connection into the tracks of a broadcast. */
export class FlvIngest implements RtmpPublication {
  readonly #deps: FlvIngestDeps;
  readonly #unwrapper = new TimestampUnwrapper();
  readonly #pace = new Pace();
  readonly #shaper = new H264Shaper();
  #metadata: StreamMetadata | undefined;
  #video: { readonly lane: VideoLane; readonly meter: TrackMeter } | undefined;
  #audio: AudioLane | undefined;
  #audioConfig: Uint8Array | undefined;
  #jitterMs = 0;
  #closed = false;

  constructor(deps: FlvIngestDeps) {
    this.#deps = deps;
  }

  /** @throws OriginError that ends the connection */
  onMedia(kind: RtmpMediaKind, timestampMs: number, payload: Uint8Array): number {
    try {
      switch (kind) {
        case "video":
          return this.#onVideo(timestampMs, parseVideoTagBody(payload));
        case "audio":
          return this.#onAudio(timestampMs, parseAudioTagBody(payload));
        case "script":
          this.#onScript(payload);
          return 0;
      }
    } catch (cause) {
      throw explain(kind, cause);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deps.release();
  }

  // ------------------------------------------------------------------ video

  #onVideo(timestampMs: number, tag: VideoTag): number {
    if (tag.kind === "command" || tag.kind === "metadata" || tag.kind === "sequence-end") return 0;
    if (tag.codec !== "avc1") throw unsupported("video", tag.codec ?? "none", "H.264");
    if (tag.kind === "sequence-start") {
      if (this.#shaper.configure(tag.data)) this.#describeVideo();
      return 0;
    }
    const { ingest } = this.#deps;
    const arrivalUs = this.#deps.clock.nowUs();
    const decodeUs = this.#unwrapper.unwrap(timestampMs) * 1_000 + Math.floor(tag.timestampOffsetNs / 1_000);
    const video = this.#openVideo();
    const known = this.#shaper.sps;
    const { bFrames } = this.#shaper;
    const unit = this.#shaper.shapeLengthPrefixed(tag.data);
    const reorderUs = tag.compositionTimeMs * 1_000;
    const presentUs = ingest.clock.map(VIDEO_TRACK, decodeUs, arrivalUs, reorderUs);
    if (unit === undefined) return 0;
    video.meter.maxReorderUs = Math.max(video.meter.maxReorderUs, reorderUs);
    if (known !== this.#shaper.sps || bFrames !== this.#shaper.bFrames || this.#jitterGrew(video.meter)) {
      this.#describeVideo();
    }
    ingest.announce();
    video.lane.writeH264(presentUs, unit.annexB, unit.keyframe);
    return this.#hold(decodeUs, arrivalUs);
  }

  #openVideo(): { readonly lane: VideoLane; readonly meter: TrackMeter } {
    const { ingest } = this.#deps;
    this.#video ??= { lane: ingest.video(VIDEO_TRACK), meter: ingest.videoMeter(VIDEO_TRACK) };
    return this.#video;
  }

  #jitterGrew(meter: TrackMeter): boolean {
    return meter.maxReorderUs / 1_000 > this.#jitterMs;
  }

  #describeVideo(): void {
    const { ingest } = this.#deps;
    const { bFrames } = this.#shaper;
    const reorderMs = (this.#video?.meter.maxReorderUs ?? 0) / 1_000;
    this.#jitterMs = Math.ceil(reorderMs / JITTER_STEP_MS) * JITTER_STEP_MS;
    const rendition = describeH264(this.#shaper, {
      framerate: this.#metadata?.framerate,
      bitrate: this.#metadata?.videoBitrateBps,
      jitterMs: this.#jitterMs,
    });
    if (rendition === undefined) return;
    ingest.bFrames = bFrames;
    ingest.describeVideo(VIDEO_TRACK, rendition);
  }

  // ------------------------------------------------------------------ audio

  #onAudio(timestampMs: number, tag: AudioTag): number {
    if (tag.kind === "sequence-end" || tag.kind === "multichannel-config") return 0;
    if (tag.codec !== "mp4a" && tag.codec !== "Opus") throw unsupported("audio", tag.codec, "AAC or Opus");
    if (tag.kind === "sequence-start") {
      this.#configureAudio(tag.codec, tag.data);
      return 0;
    }
    if (this.#audioConfig === undefined) {
      if (tag.codec === "mp4a") throw new OriginError("bad-media", "AAC came without its sequence header.");
      this.#configureAudio("Opus", new Uint8Array());
    }
    if (tag.data.length === 0) return 0;
    const { ingest } = this.#deps;
    const arrivalUs = this.#deps.clock.nowUs();
    const timestampUs =
      this.#unwrapper.unwrap(timestampMs) * 1_000 + Math.floor(tag.timestampOffsetNs / 1_000);
    const mediaUs = ingest.clock.map(AUDIO_TRACK, timestampUs, arrivalUs);
    ingest.announce();
    this.#audio ??= ingest.audio(AUDIO_TRACK);
    this.#audio.write(mediaUs, tag.data);
    return this.#hold(timestampUs, arrivalUs);
  }

  #configureAudio(codec: "mp4a" | "Opus", config: Uint8Array): void {
    if (this.#audioConfig !== undefined && Buffer.compare(this.#audioConfig, config) === 0) return;
    const bitrate = this.#metadata?.audioBitrateBps;
    const rendition: AudioRendition = {
      ...(codec === "mp4a" ? describeAac(config) : describeOpus(config)),
      ...(bitrate === undefined ? {} : { bitrate }),
    };
    this.#audioConfig = new Uint8Array(config);
    // What the new configuration describes begins with a group of its own.
    this.#audio?.finishGroup();
    this.#deps.ingest.describeAudio(AUDIO_TRACK, rendition);
  }

  // ------------------------------------------------------------------ data

  #onScript(payload: Uint8Array): void {
    const script = readScriptData(payload);
    if (script.kind === "metadata") {
      this.#metadata = script.metadata;
      return;
    }
    if (script.kind !== "message") return;
    try {
      this.#deps.ingest.post({ type: script.type, data: script.data });
    } catch (error) {
      // Too many or too large: the publisher's picture goes on without the message, which is counted.
      if (!(error instanceof OriginError)) throw error;
      this.#deps.logger.debug(
        { code: error.code, broadcast: this.#deps.ingest.path },
        "publisher's message refused",
      );
    }
  }

  #hold(timestampUs: number, arrivalUs: number): number {
    const holdMs = this.#pace.observe(timestampUs, arrivalUs);
    if (holdMs > 0) this.#deps.ingest.noteHeld();
    return holdMs;
  }
}

function describeAac(config: Uint8Array): AudioRendition {
  const parsed = parseAudioSpecificConfig(config);
  return {
    codec: aacCodecString(parsed),
    sampleRate: parsed.extensionSampleRate ?? parsed.sampleRate,
    numberOfChannels: parsed.ps ? 2 : parsed.channels,
    description: encodeHex(config),
  };
}

function describeOpus(config: Uint8Array): AudioRendition {
  const head = config.length === 0 ? undefined : parseOpusHead(config);
  return { codec: "opus", sampleRate: 48_000, numberOfChannels: head?.channels ?? 2 };
}

function unsupported(kind: "audio" | "video", codec: string, wanted: string): OriginError {
  return new OriginError("codec-unsupported", `The ${kind} codec ${codec} is not supported: send ${wanted}.`);
}

/** What the publisher is told about media that could not be taken. */
function explain(kind: RtmpMediaKind, cause: unknown): OriginError {
  if (cause instanceof OriginError) return cause;
  if (cause instanceof RelayError) return new OriginError("closed", "The broadcast has ended.", { cause });
  if (!(cause instanceof MediaError)) throw cause;
  if (cause.code === "unsupported") {
    const detail = cause.actual === undefined ? cause.message : `${cause.message} ${cause.actual}`;
    return new OriginError("codec-unsupported", `The ${kind} format is not supported (${detail}).`, {
      cause,
    });
  }
  if (cause.code === "missing-sps" || cause.code === "missing-pps") {
    return new OriginError("bad-media", "H.264 came without its parameter sets (SPS and PPS).", { cause });
  }
  return new OriginError("bad-media", `The ${kind} data is not valid: ${cause.message}.`, { cause });
}
