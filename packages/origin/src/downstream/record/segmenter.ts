import { MediaError } from "@canopy/media";
import type { DecodeTimeline } from "@canopy/media/h264";
import type { TimedMessage } from "@canopy/media/timed";
import type { Program, ProgramAudio } from "../program/choose-program.ts";
import {
  decodesAlike,
  decodeTimelineOf,
  frameUsOf,
  readVideoConfiguration,
  toSample,
  type VideoConfiguration,
} from "../program/video-configuration.ts";
import { EventLine } from "./event-line.ts";
import { type LanePosition, type LaneSample, SampleLane } from "./sample-lane.ts";
import type { RecordedEvent, RecordedInit, RecordedSegment, SegmentBatch } from "./segment-batch.ts";

export interface SegmenterOptions {
  /** A segment ends at the first keyframe after this, µs. */
  readonly targetUs: number;
  /** A segment without keyframe ends at this many bytes: the bound of a recording's memory, times two. */
  readonly maxBytes: number;
}

/** Where a recording stands; what an earlier process has written is continued. */
export interface SegmenterStart {
  /** Recording time of the next frame, µs. */
  readonly baseUs: number;
  readonly positions: { readonly video: LanePosition; readonly audio: LanePosition };
  readonly events: readonly RecordedEvent[];
}

export const EMPTY_START = (): SegmenterStart => ({
  baseUs: 0,
  positions: {
    video: { inits: 0, segments: 0, lastInit: undefined },
    audio: { inits: 0, segments: 0, lastInit: undefined },
  },
  events: [],
});

/** No frame of any track for so long, in media time: the publisher was away. The recording closes up the gap. */
const GAP_US = 1_500_000;
/** Sound waits this long for the keyframe with which pictures begin. */
const KEYFRAME_WAIT_US = 3_000_000;
const VIDEO_TIMESCALE = 90_000;
const OPUS_RATE = 48_000;
const AAC_FRAME_SAMPLES = 1_024;
const OPUS_FRAME_US = 20_000;

interface Stretch {
  readonly mediaStartUs: number;
  readonly baseUs: number;
  /** Not the first of the recording. */
  readonly isBroken: boolean;
  video: SampleLane | undefined;
  audio: SampleLane | undefined;
  /** Media time at which the open segment began. */
  openedUs: number;
}

/**
 * Cuts a broadcast into segments. Media time becomes the recording's own time, which starts at 0 and has no gaps: a
 * stretch of media that is whole keeps the distances of its frames, in sound and picture alike; where the publisher was
 * away or began anew in another format, the next stretch follows the last one directly.
 */
export class Segmenter {
  readonly #options: SegmenterOptions;
  readonly #emit: (batch: SegmentBatch) => void;
  readonly #positions: SegmenterStart["positions"];
  readonly #events = new EventLine();
  #baseUs: number;
  #isFirstStretch: boolean;
  #program: Program | undefined;
  #stretch: Stretch | undefined;
  #newestUs = Number.NEGATIVE_INFINITY;
  #configuration: VideoConfiguration | undefined;
  #timeline: DecodeTimeline | undefined;
  #audioFormat: ProgramAudio | undefined;
  /** Sound before the first keyframe of a stretch. */
  #early: LaneSample[] = [];
  #lastAudioUs = Number.NEGATIVE_INFINITY;

  constructor(options: SegmenterOptions, start: SegmenterStart, emit: (batch: SegmentBatch) => void) {
    this.#options = options;
    this.#emit = emit;
    this.#positions = start.positions;
    this.#baseUs = start.baseUs;
    this.#isFirstStretch = start.baseUs === 0;
    this.#events.remember(start.events);
  }

  /** Length of what has been given out, µs. */
  get recordedUs(): number {
    return this.#baseUs;
  }

  /** A changed description counts from the next keyframe or frame of sound on. */
  onProgram(program: Program): void {
    this.#program = program;
  }

  onTimed(message: TimedMessage): void {
    this.#events.add(message);
  }

  /** @throws MediaError for a frame that is not what the catalog says; the recording goes on without it. */
  onVideo(timestampUs: number, annexB: Uint8Array, isKeyframe: boolean): void {
    const video = this.#program?.video;
    if (video === undefined) return;
    this.#closeGap(timestampUs);
    if (isKeyframe) this.#configure(timestampUs, annexB);
    const configuration = this.#configuration;
    if (configuration === undefined || this.#timeline === undefined) return;
    const isFirst = this.#stretch?.video === undefined;
    if (isFirst && !isKeyframe) return;
    const data = toSample(configuration.codec, annexB);
    const decodeUs = this.#timeline.push(timestampUs);
    const sample: LaneSample = { decodeUs, presentUs: timestampUs, isSync: isKeyframe, data };
    this.#newestUs = Math.max(this.#newestUs, timestampUs);
    const stretch = this.#stretch ?? this.#begin(decodeUs);
    stretch.video ??= this.#openVideo(configuration);
    this.#push(stretch, stretch.video, sample);
    if (isFirst) this.#releaseEarly(stretch);
    else if (isKeyframe && decodeUs - stretch.openedUs >= this.#options.targetUs)
      this.#cut(stretch, decodeUs);
  }

  onAudio(timestampUs: number, payload: Uint8Array): void {
    const audio = this.#program?.audio;
    if (audio === undefined) return;
    this.#closeGap(timestampUs);
    if (timestampUs <= this.#lastAudioUs) return;
    if (this.#audioFormat !== undefined && !soundsAlike(this.#audioFormat, audio)) this.finishStretch();
    this.#audioFormat = audio;
    this.#lastAudioUs = timestampUs;
    const sample: LaneSample = {
      decodeUs: timestampUs,
      presentUs: timestampUs,
      isSync: true,
      // The store's bytes are shared, and would be kept from being freed.
      data: payload.slice(),
    };
    this.#newestUs = Math.max(this.#newestUs, timestampUs);
    let stretch = this.#stretch;
    if (stretch === undefined) {
      this.#early.push(sample);
      const waitedUs = timestampUs - (this.#early[0] as LaneSample).decodeUs;
      if (this.#program?.video !== undefined && waitedUs < KEYFRAME_WAIT_US) return;
      stretch = this.#begin((this.#early[0] as LaneSample).decodeUs);
      this.#releaseEarly(stretch);
      return;
    }
    if (timestampUs < stretch.mediaStartUs) return;
    stretch.audio ??= this.#openAudio(audio);
    this.#push(stretch, stretch.audio, sample);
    const isAlone = stretch.video === undefined;
    if (isAlone && timestampUs - stretch.openedUs >= this.#options.targetUs) this.#cut(stretch, timestampUs);
  }

  /** Gives out what is open; the next frame begins a new stretch. */
  finishStretch(): void {
    this.#finish(Number.POSITIVE_INFINITY);
  }

  /**
   * What was given out last was not kept: the recording's time goes on from `baseUs`, where the last one that was kept
   * ends. Inits among it are made again.
   */
  rewind(baseUs: number, lostInits: readonly RecordedInit[]): void {
    for (const { track } of lostInits) this.#positions[track].lastInit = undefined;
    this.#stretch = undefined;
    this.#early = [];
    this.#configuration = undefined;
    this.#baseUs = baseUs;
  }

  #closeGap(timestampUs: number): void {
    if (timestampUs <= this.#newestUs + GAP_US) return;
    this.finishStretch();
    this.#early = [];
  }

  #configure(timestampUs: number, keyframe: Uint8Array): void {
    const video = this.#program?.video;
    if (video === undefined) return;
    const configuration = readVideoConfiguration(video.codec, keyframe);
    if (configuration === undefined) {
      if (this.#configuration === undefined)
        throw new MediaError("missing-sps", "a keyframe without SPS and PPS");
      return;
    }
    const isNew = !decodesAlike(this.#configuration, configuration);
    if (this.#stretch?.video !== undefined && isNew) this.#finish(timestampUs);
    if (isNew || this.#stretch === undefined || this.#timeline === undefined) {
      this.#timeline = decodeTimelineOf(configuration, video);
    }
    if (isNew) this.#configuration = configuration;
  }

  #begin(mediaStartUs: number): Stretch {
    const stretch: Stretch = {
      mediaStartUs,
      baseUs: this.#baseUs,
      isBroken: !this.#isFirstStretch,
      video: undefined,
      audio: undefined,
      openedUs: mediaStartUs,
    };
    if (this.#isFirstStretch) this.#events.dropBefore(mediaStartUs);
    this.#isFirstStretch = false;
    this.#stretch = stretch;
    return stretch;
  }

  #releaseEarly(stretch: Stretch): void {
    const audio = this.#audioFormat;
    const early = this.#early;
    this.#early = [];
    if (audio === undefined || early.length === 0) return;
    stretch.audio ??= this.#openAudio(audio);
    for (const sample of early) {
      if (sample.decodeUs >= stretch.mediaStartUs) this.#push(stretch, stretch.audio, sample);
    }
  }

  #push(stretch: Stretch, lane: SampleLane | undefined, sample: LaneSample): void {
    if (lane === undefined) return;
    lane.push(sample);
    const bytes = (stretch.video?.bytes ?? 0) + (stretch.audio?.bytes ?? 0);
    if (bytes > this.#options.maxBytes) this.#cut(stretch, sample.decodeUs);
  }

  #cut(stretch: Stretch, untilUs: number): void {
    const events = this.#events.takeUntil(untilUs, stretch);
    this.#give(stretch, events, (lane, write) =>
      lane.cut(untilUs, stretch, { isBroken: stretch.isBroken, events: write }),
    );
    stretch.openedUs = untilUs;
    this.#baseUs = stretch.baseUs + untilUs - stretch.mediaStartUs;
  }

  #finish(untilUs: number): void {
    const stretch = this.#stretch;
    if (stretch === undefined) return;
    this.#stretch = undefined;
    const lanes = [stretch.video, stretch.audio];
    // Sound that belongs to the next stretch is here already.
    const carried = untilUs === Number.POSITIVE_INFINITY ? [] : (stretch.audio?.takeFrom(untilUs) ?? []);
    let endUs = Number.NEGATIVE_INFINITY;
    for (const lane of lanes) {
      if (lane?.last === undefined) continue;
      // The last picture to be shown, which with B-frames is not the last one to be decoded.
      endUs = Math.max(endUs, lane.newestPresentUs + lane.format.usualDurationUs);
    }
    endUs = Math.min(endUs, untilUs);
    this.#early.push(...carried);
    if (endUs === Number.NEGATIVE_INFINITY) return;
    const events = this.#events.takeUntil(endUs, stretch);
    this.#baseUs = stretch.baseUs + endUs - stretch.mediaStartUs;
    this.#give(stretch, events, (lane, write) =>
      lane.cut(Number.POSITIVE_INFINITY, stretch, { isBroken: stretch.isBroken, events: write, endUs }),
    );
  }

  /** Events go with the pictures, or with the sound where there are none. */
  #give(
    stretch: Stretch,
    events: readonly RecordedEvent[],
    cut: (
      lane: SampleLane,
      write: (timescale: number) => readonly Uint8Array[],
    ) => RecordedSegment | undefined,
  ): void {
    const inits: RecordedInit[] = [];
    const segments: RecordedSegment[] = [];
    for (const lane of [stretch.video, stretch.audio]) {
      if (lane === undefined) continue;
      const carriesEvents = lane === (stretch.video ?? stretch.audio);
      const segment = cut(lane, (timescale) => (carriesEvents ? this.#events.encode(events, timescale) : []));
      if (segment === undefined) continue;
      const init = lane.takeInit();
      if (init !== undefined) inits.push(init);
      segments.push(segment);
    }
    if (segments.length > 0 || events.length > 0) this.#emit({ inits, segments, events });
  }

  #openVideo(configuration: VideoConfiguration): SampleLane {
    const { codec, codecString, record, width, height } = configuration;
    const video = this.#program?.video;
    const usualDurationUs = video === undefined ? 0 : frameUsOf(video);
    const cmaf = { kind: "video", codec, config: record, width, height, timescale: VIDEO_TIMESCALE } as const;
    return new SampleLane(
      { track: "video", cmaf, codec: codecString, usualDurationUs },
      this.#positions.video,
    );
  }

  #openAudio({ codec, config, rendition }: ProgramAudio): SampleLane {
    const { sampleRate: rate, numberOfChannels: channels } = rendition;
    const sampleRate = codec === "Opus" ? OPUS_RATE : rate;
    const usualDurationUs =
      codec === "Opus" ? OPUS_FRAME_US : Math.round((AAC_FRAME_SAMPLES * 1_000_000) / rate);
    const cmaf = { kind: "audio", codec, config, sampleRate, channels, timescale: sampleRate } as const;
    return new SampleLane(
      { track: "audio", cmaf, codec: rendition.codec, usualDurationUs },
      this.#positions.audio,
    );
  }
}

function soundsAlike(a: ProgramAudio, b: ProgramAudio): boolean {
  return a.codec === b.codec && Buffer.compare(a.config, b.config) === 0;
}
