import { MediaError } from "@canopy/media";
import { encodeAudioTagBody, encodeVideoTagBody } from "@canopy/media/flv";
import type { DecodeTimeline } from "@canopy/media/h264";
import type { Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import type { Program, ProgramAudio } from "../program/choose-program.ts";
import { ProgramFollower, type ProgramTaker } from "../program/program-follower.ts";
import {
  decodesAlike,
  decodeTimelineOf,
  readVideoConfiguration,
  toSample,
  type VideoConfiguration,
} from "../program/video-configuration.ts";
import { DEFAULT_RTMP_PUSH, RtmpPush } from "../rtmp-push/rtmp-push.ts";
import { maskRtmpUrl } from "../rtmp-push/rtmp-url.ts";
import { describeStream } from "./describe-stream.ts";
import type { RestreamCounters, RestreamFailure } from "./restream-counters.ts";

/** `waiting`: for the broadcast; `connecting`: for the first time; `retrying`: after a failure. */
export type RestreamState = "waiting" | "connecting" | "live" | "retrying";

/** A restream as the API shows it. The stream key is never in it. */
export interface RestreamDescription {
  readonly id: string;
  readonly broadcast: string;
  readonly target: string;
  readonly state: RestreamState;
  /** When it came into this state. */
  readonly since: string;
  readonly createdAt: string;
  readonly bytes: number;
  readonly retries: number;
  readonly droppedFrames: number;
  readonly tracks: { readonly video?: string; readonly audio?: string };
  readonly error?: { readonly code: string; readonly message: string; readonly at: string };
}

export interface RestreamSettings {
  readonly id: string;
  readonly broadcast: string;
  readonly target: string;
}

export interface RestreamDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: RestreamCounters;
  /** It was live, or has never been, and now is not; told once until it is live again. */
  onFailed(restream: Restream, error: OriginError): void;
  readonly random?: () => number;
}

/** How long a restream waits for the rest of a group: less than targets take for a hang-up. */
const MAX_LATENCY_MS = 1_000;
/** The publisher was away for longer than any frame lasts: decoding times begin anew. */
const GAP_US = 1_000_000;
/** Sound that waits for the keyframe with which a connection begins: 5 s of AAC, about 100 KB. */
const MAX_EARLY_FRAMES = 256;

interface EarlySound {
  readonly timestampUs: number;
  readonly data: Uint8Array;
}

/**
 * One broadcast on its way to one RTMP target. The connection is kept while the broadcast is there; media is taken from
 * the store only while the target takes it, from the newest keyframe on, so an outage of the target costs no memory.
 */
export class Restream implements ProgramTaker, Disposable {
  readonly settings: RestreamSettings;
  readonly #deps: RestreamDeps;
  readonly #masked: string;
  readonly #createdMs: number;
  readonly #follower: ProgramFollower;
  #state: RestreamState = "waiting";
  #sinceMs: number;
  #error: { readonly error: OriginError; readonly atMs: number } | undefined;
  #failureTold = false;
  #program: Program | undefined;
  #push: RtmpPush | undefined;
  #counted = { bytes: 0, dropped: 0 };
  #closedPushes = { bytes: 0, dropped: 0, retries: 0 };
  #configuration: VideoConfiguration | undefined;
  #timeline: DecodeTimeline | undefined;
  #newestUs = 0;
  #describedProgram: Program | undefined;
  /** What is cached comes track by track: sound that belongs to the first pictures may be here before them. */
  #early: EarlySound[] = [];

  constructor(settings: RestreamSettings, deps: RestreamDeps) {
    this.settings = settings;
    this.#deps = deps;
    this.#masked = maskRtmpUrl(settings.target);
    this.#createdMs = deps.clock.nowMs();
    this.#sinceMs = this.#createdMs;
    this.#follower = new ProgramFollower(
      { path: settings.broadcast, maxLatencyMs: MAX_LATENCY_MS },
      { store: deps.store, logger: deps.logger, taker: this },
    );
  }

  get state(): RestreamState {
    return this.#state;
  }

  describe(): RestreamDescription {
    const { id, broadcast } = this.settings;
    const totals = this.#totals();
    const { video, audio } = this.#program ?? {};
    return {
      id,
      broadcast,
      target: this.#masked,
      state: this.#state,
      since: new Date(this.#sinceMs).toISOString(),
      createdAt: new Date(this.#createdMs).toISOString(),
      bytes: totals.bytes,
      retries: totals.retries,
      droppedFrames: totals.dropped,
      tracks: {
        ...(video === undefined ? {} : { video: video.rendition.codec }),
        ...(audio === undefined ? {} : { audio: audio.rendition.codec }),
      },
      ...(this.#error === undefined
        ? {}
        : {
            error: {
              code: this.#error.error.code,
              message: this.#error.error.message,
              at: new Date(this.#error.atMs).toISOString(),
            },
          }),
    };
  }

  /** About once a second. */
  tick(): void {
    this.#follower.tick();
    const { counters } = this.#deps;
    const { bytes, dropped } = this.#totals();
    counters.sentBytes += bytes - this.#counted.bytes;
    counters.droppedFrames += dropped - this.#counted.dropped;
    this.#counted = { bytes, dropped };
  }

  /** Idempotent. */
  close(): void {
    this.#follower.close();
    this.#hangUp();
    this.tick();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // ------------------------------------------------------------------ from the broadcast

  onProgram(program: Program | undefined): void {
    this.#program = program;
    if (program === undefined) {
      this.#hangUp();
      this.#enter("waiting");
      return;
    }
    const isUnsupported = program.unsupported.length > 0 && program.video === undefined;
    if (isUnsupported || (program.video === undefined && program.audio === undefined)) {
      this.#hangUp();
      this.#enter("waiting");
      if (isUnsupported) this.#fail("media", unsupported(program));
      return;
    }
    if (this.#push === undefined) this.#dial();
  }

  onVideo(timestampUs: number, annexB: Uint8Array, isKeyframe: boolean): void {
    const video = this.#program?.video;
    const push = this.#push;
    if (video === undefined || push === undefined) return;
    try {
      if (isKeyframe) this.#configure(timestampUs, annexB);
      this.#newestUs = timestampUs;
      const configuration = this.#configuration;
      if (configuration === undefined || this.#timeline === undefined) return;
      const decodeUs = this.#timeline.push(timestampUs);
      const timeMs = push.admitVideo(decodeUs, isKeyframe);
      if (timeMs === undefined) return;
      const compositionTimeMs = Math.round((timestampUs - decodeUs) / 1_000);
      const data = toSample(configuration.codec, annexB);
      const { codec } = configuration;
      push.sendVideo(
        timeMs,
        encodeVideoTagBody({ codec, kind: "frame", isKeyframe, compositionTimeMs, data }),
      );
      if (this.#early.length > 0) this.#sendEarly(push, decodeUs);
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      // A frame of a foreign publisher that is not what the catalog says: the next one may be.
      push.droppedFrames += 1;
    }
  }

  onAudio(timestampUs: number, data: Uint8Array): void {
    const audio = this.#program?.audio;
    const push = this.#push;
    if (audio === undefined || push === undefined) return;
    if (this.#program?.video === undefined) this.#describe();
    else if (push.startUs === undefined) {
      // The store's bytes are shared, and would be kept from being freed.
      this.#early.push({ timestampUs, data: data.slice() });
      if (this.#early.length > MAX_EARLY_FRAMES) this.#early.shift();
      return;
    }
    if (this.#early.length > 0) this.#sendEarly(push, timestampUs);
    this.#sendAudio(push, audio, timestampUs, data);
  }

  /** Sound up to the time of the frame that is being sent, so that a target gets both in the order of time. */
  #sendEarly(push: RtmpPush, untilUs: number): void {
    const early = this.#early;
    const audio = this.#program?.audio;
    const startUs = push.startUs;
    if (startUs === undefined) return;
    let count = 0;
    for (const { timestampUs, data } of early) {
      if (timestampUs > untilUs) break;
      count += 1;
      if (audio !== undefined && timestampUs >= startUs) this.#sendAudio(push, audio, timestampUs, data);
    }
    early.splice(0, count);
  }

  #sendAudio(push: RtmpPush, audio: ProgramAudio, timestampUs: number, data: Uint8Array): void {
    const timeMs = push.admitAudio(timestampUs);
    if (timeMs === undefined) return;
    push.sendAudio(timeMs, encodeAudioTagBody({ codec: audio.codec, kind: "frame", data }));
  }

  /** New parameter sets, or a changed catalog, are told in front of the keyframe that they begin with. */
  #configure(timestampUs: number, keyframe: Uint8Array): void {
    const video = this.#program?.video;
    if (video === undefined) return;
    const configuration = readVideoConfiguration(video.codec, keyframe);
    if (configuration === undefined) return;
    const isNew = !decodesAlike(this.#configuration, configuration);
    if (isNew || this.#timeline === undefined || timestampUs > this.#newestUs + GAP_US) {
      this.#timeline = decodeTimelineOf(configuration, video);
    }
    if (isNew) {
      this.#configuration = configuration;
      this.#describedProgram = undefined;
    }
    this.#describe();
  }

  #describe(): void {
    const program = this.#program;
    if (program === undefined || program === this.#describedProgram) return;
    // Catalogs also change for measured rates, which no target needs to hear of.
    const isSame = this.#describedProgram !== undefined && soundsAlike(this.#describedProgram, program);
    this.#describedProgram = program;
    if (isSame) return;
    this.#push?.describe(describeStream(program, this.#configuration));
  }

  // ------------------------------------------------------------------ to the target

  #dial(): void {
    this.#enter("connecting");
    this.#describedProgram = undefined;
    const { random } = this.#deps;
    const push = new RtmpPush(
      { ...DEFAULT_RTMP_PUSH, url: this.settings.target },
      {
        onLive: () => this.#onLive(),
        onLost: (error) => this.#onLost(error),
        ...(random === undefined ? {} : { random }),
      },
    );
    this.#push = push;
    push.start();
  }

  #onLive(): void {
    this.#failureTold = false;
    this.#error = undefined;
    this.#enter("live");
    this.#timeline = undefined;
    this.#configuration = undefined;
    this.#describedProgram = undefined;
    this.#early = [];
    this.#follower.play();
    const { broadcast, id } = this.settings;
    this.#deps.logger.info({ restream: id, broadcast, target: this.#masked }, "restreaming");
  }

  #onLost(error: OriginError | undefined): void {
    this.#follower.pause();
    this.#early = [];
    this.#enter("retrying");
    const reason = error ?? new OriginError("target-refused", "The target has closed the connection.");
    this.#fail(error === undefined ? "closed" : failureOf(error), reason);
  }

  #hangUp(): void {
    const push = this.#push;
    this.#push = undefined;
    this.#follower?.pause();
    this.#early = [];
    if (push === undefined) return;
    push.close();
    this.#closedPushes.bytes += push.sentBytes;
    this.#closedPushes.dropped += push.droppedFrames;
    this.#closedPushes.retries += push.retries;
  }

  #fail(failure: RestreamFailure, error: OriginError): void {
    const { counters, logger, clock } = this.#deps;
    counters.failures[failure] += 1;
    this.#error = { error, atMs: clock.nowMs() };
    if (this.#failureTold) return;
    this.#failureTold = true;
    const { broadcast, id } = this.settings;
    logger.warn(
      { restream: id, broadcast, target: this.#masked, code: error.code, reason: error.message },
      "a restream has failed",
    );
    this.#deps.onFailed(this, error);
  }

  #enter(state: RestreamState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#sinceMs = this.#deps.clock.nowMs();
  }

  #totals(): { readonly bytes: number; readonly dropped: number; readonly retries: number } {
    const closed = this.#closedPushes;
    return {
      bytes: closed.bytes + (this.#push?.sentBytes ?? 0),
      dropped: closed.dropped + (this.#push?.droppedFrames ?? 0),
      retries: closed.retries + (this.#push?.retries ?? 0),
    };
  }
}

function soundsAlike(a: Program, b: Program): boolean {
  if (a.audio === undefined || b.audio === undefined) return a.audio === b.audio;
  return a.audio.codec === b.audio.codec && Buffer.compare(a.audio.config, b.audio.config) === 0;
}

function failureOf(error: OriginError): RestreamFailure {
  if (error.code === "target-stalled") return "stalled";
  return error.code === "target-unreachable" ? "unreachable" : "refused";
}

function unsupported(program: Program): OriginError {
  const codecs = program.unsupported.join(", ");
  return new OriginError(
    "codec-unsupported",
    `Of the broadcast's pictures (${codecs}) none can go out over RTMP: H.264 or HEVC can.`,
  );
}
