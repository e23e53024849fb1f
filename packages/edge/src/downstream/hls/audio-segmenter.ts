import { type CmafSample, encodeFragment, encodeInitSegment } from "@canopy/media/cmaf";
import { type AudioSample, AudioSampleMaker, usOfSamples } from "../packaging/audio-samples.ts";
import type { PackagedAudio } from "../packaging/packaged-media.ts";
import type { TrackConsumer } from "../packaging/track-source.ts";
import type { Era, PartBoundary } from "./part-boundary.ts";
import { MAX_PART_BYTES, type PartPlan, planSoundParts, SOUND_SEGMENT_US } from "./part-plan.ts";
import type { SegmentWindow } from "./segment-window.ts";
import { EventCursor, type TimedEvents } from "./timed-events.ts";
import { makePart } from "./video-segmenter.ts";

export interface AudioSegmenterDeps {
  readonly era: Era;
  readonly events: TimedEvents;
  /** Pictures say where parts and segments begin; without them sound is cut by itself. */
  readonly followsPictures: boolean;
  /** Of the pictures, if there are any. */
  readonly plan: PartPlan | undefined;
  readonly openWindow: (plan: PartPlan) => SegmentWindow;
  /** The first part is there. */
  readonly onBegin: (era: number) => void;
}

/** Pictures that are late by more are not waited for. */
const PATIENCE_US = 1_500_000;
/** Boundaries that wait for their sound: minutes of parts. */
const MAX_BOUNDARIES = 1_024;
/** Frames of 1024 samples at 48 kHz, for the plan of sound without pictures. */
const USUAL_FRAME_US = 21_333;

/**
 * Makes CMAF parts and segments of sound. Where there are pictures, it is cut where theirs are, to the frame, so that
 * part k of segment n is the same moment in both playlists.
 */
export class AudioSegmenter implements TrackConsumer {
  window: SegmentWindow | undefined;
  readonly #deps: AudioSegmenterDeps;
  readonly #pending: AudioSample[] = [];
  readonly #boundaries: PartBoundary[] = [];
  #audio: PackagedAudio;
  #maker: AudioSampleMaker;
  #pendingBytes = 0;
  #cursor: EventCursor | undefined;
  #init = -1;
  #fragments = 0;
  #segmentStartUs = 0;
  /** The next segment begins with another configuration or another time. */
  #breaks = false;
  /** Likewise, and the pictures say where: both playlists have to break at the same segment. */
  #awaitsSegment = false;
  /** Since its last break. */
  #era = 0;
  #needsInit = true;
  #hasBegun = false;

  constructor(audio: PackagedAudio, deps: AudioSegmenterDeps) {
    this.#audio = audio;
    this.#deps = deps;
    this.#maker = new AudioSampleMaker(audio);
  }

  /** There is a part. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The sound is another one from the next frame on. */
  reconfigure(audio: PackagedAudio): void {
    this.#flush();
    this.#audio = audio;
    this.#maker = new AudioSampleMaker(audio);
    this.#needsInit = true;
    this.#break();
  }

  onBoundary(boundary: PartBoundary): void {
    if (this.#boundaries.length >= MAX_BOUNDARIES) this.#boundaries.shift();
    this.#boundaries.push(boundary);
    this.#drain();
  }

  onFrame(timestampUs: number, payload: Uint8Array): void {
    const sample = this.#maker.make(timestampUs, payload);
    if (sample === undefined) return;
    if (sample.isBreak && this.window !== undefined) {
      this.#flush();
      this.#break();
    }
    this.#pending.push(sample);
    this.#pendingBytes += sample.data.length;
    this.#drain();
  }

  #us(samples: number): number {
    return usOfSamples(samples, this.#audio.sampleRate);
  }

  /** `withoutNext`: also cuts a short last part whose successor has not been cut. */
  #drain(withoutNext = false): void {
    for (;;) {
      const first = this.#pending[0];
      const last = this.#pending[this.#pending.length - 1];
      if (first === undefined || last === undefined) return;
      const boundary = this.#boundaries[0];
      if (boundary === undefined) {
        this.#cutAlone(first, last);
        return;
      }
      // The frame that reaches over the boundary goes where most of it is.
      const halfUs = this.#us(first.length) / 2;
      const at = boundary.us - halfUs;
      const aheadUs = this.#us(last.start) - at;
      if (aheadUs < 0) return;
      if (boundary.endsShortPart && !withoutNext && aheadUs < PATIENCE_US) {
        const next = this.#boundaries[1];
        if (next === undefined || this.#us(last.start) < next.us - halfUs) return;
      }
      this.#boundaries.shift();
      if (this.#us(first.start) < at) {
        const count = this.#pending.findIndex((sample) => this.#us(sample.start) >= at);
        const sequence = boundary.startsSegment ? boundary.sequence - 1 : boundary.sequence;
        if (this.window === undefined) this.#open(first, { sequence, era: boundary.era });
        else if (this.#breaks) this.#open(first);
        if (this.#awaitsSegment) this.#drop(count);
        else this.#cut(count);
      }
      const next = this.#pending[0];
      if (boundary.startsSegment && next !== undefined) this.#open(next, boundary);
      this.window?.publish();
    }
  }

  /** Without pictures, or when they have stopped. */
  #cutAlone(first: AudioSample, last: AudioSample): void {
    const { followsPictures } = this.#deps;
    const spanUs = this.#us(last.start) - this.#us(first.start);
    const plan = this.window?.plan ?? this.#plan();
    const patienceUs = followsPictures ? PATIENCE_US : 0;
    const isFull = spanUs >= plan.partUs + patienceUs || this.#pendingBytes >= MAX_PART_BYTES;
    if (!isFull) return;
    if (this.window === undefined || this.#breaks || this.#awaitsSegment) this.#open(first);
    const endUs = this.#us(first.start) + plan.partUs - this.#us(first.length) / 2;
    const count = this.#pending.findIndex((sample) => this.#us(sample.start) >= endUs);
    this.#cut(count < 1 ? this.#pending.length - 1 : count);
    const next = this.#pending[0];
    if (next !== undefined && this.#us(next.start) - this.#segmentStartUs >= SOUND_SEGMENT_US)
      this.#open(next);
    this.window?.publish();
  }

  #plan(): PartPlan {
    if (this.#deps.plan !== undefined) return this.#deps.plan;
    const { samplesPerFrame } = this.#audio;
    return planSoundParts(samplesPerFrame > 0 ? this.#us(samplesPerFrame) : USUAL_FRAME_US);
  }

  /** What comes next does not go on from what was. */
  #break(): void {
    if (this.window === undefined) return;
    this.#deps.era.endAfter(this.window.latest?.era);
    this.#era = this.#deps.era.value;
    if (this.#deps.followsPictures) this.#awaitsSegment = true;
    else this.#breaks = true;
  }

  /** Begins a segment with `first`: the one of the pictures, or one of its own. */
  #open(first: AudioSample, place?: { readonly sequence: number; readonly era: number }): void {
    const { events, openWindow } = this.#deps;
    this.window ??= openWindow(this.#plan());
    this.#cursor ??= new EventCursor(events, this.#us(first.start));
    this.#breaks = false;
    this.#awaitsSegment = false;
    if (this.#needsInit) {
      this.#needsInit = false;
      const { form, config, sampleRate, channels } = this.#audio;
      const track = {
        kind: "audio",
        codec: form,
        timescale: sampleRate,
        config,
        sampleRate,
        channels,
      } as const;
      this.#init = this.window.addInit(encodeInitSegment(track));
    }
    this.#segmentStartUs = this.#us(first.start);
    // A boundary may be older than the break of the sound.
    const era = Math.max(place?.era ?? this.#deps.era.value, this.#era, this.window.latest?.era ?? 0);
    this.window.openSegment({ startUs: this.#segmentStartUs, era, init: this.#init }, place?.sequence);
  }

  /** Everything that is there becomes a part: what comes next does not go on from it. */
  #flush(): void {
    this.#drain(true);
    const first = this.#pending[0];
    if (first === undefined) return;
    if (this.#awaitsSegment) {
      this.#drop(this.#pending.length);
      return;
    }
    if (this.window === undefined || this.#breaks) this.#open(first, this.#boundaries[0]);
    this.#cut(this.#pending.length);
    this.window?.publish();
  }

  /** Sound of a moment of which there is no segment. */
  #drop(count: number): void {
    for (const { data } of this.#pending.splice(0, count)) this.#pendingBytes -= data.length;
  }

  #cut(count: number): void {
    const { window } = this;
    const samples = this.#pending.splice(0, count);
    const first = samples[0];
    const last = samples[samples.length - 1];
    if (window === undefined || first === undefined || last === undefined) return;
    // A hole behind a frame is that frame's: the timeline has none.
    const endOf = (index: number): number => {
      const next = samples[index + 1] ?? this.#pending[0];
      const sample = samples[index] ?? last;
      return next === undefined ? sample.start + sample.length : next.start;
    };
    const coded: CmafSample[] = samples.map((sample, index) => ({
      data: sample.data,
      duration: Math.max(0, endOf(index) - sample.start),
      compositionOffset: 0,
      isSync: true,
    }));
    const end = endOf(samples.length - 1);
    this.#fragments += 1;
    const bytes = encodeFragment({
      sequence: this.#fragments,
      baseDecodeTime: first.start,
      samples: coded,
      events: this.#deps.followsPictures ? [] : (this.#cursor?.take(this.#us(end)) ?? []),
    });
    window.addPart(makePart(bytes, this.#us(end) - this.#us(first.start), true));
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      this.#deps.onBegin(window.latest?.era ?? 0);
    }
    this.#pendingBytes = 0;
    for (const sample of this.#pending) this.#pendingBytes += sample.data.length;
  }
}
