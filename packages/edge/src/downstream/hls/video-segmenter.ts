import { type CmafSample, encodeFragment, encodeInitSegment } from "@canopy/media/cmaf";
import type { TrackConsumer } from "../packaging/track-source.ts";
import { type VideoSample, type VideoSampleHints, VideoSampleMaker } from "../packaging/video-samples.ts";
import type { Era, PartBoundary } from "./part-boundary.ts";
import {
  MAX_PART_BYTES,
  MAX_SEGMENT_US,
  MIN_LAST_PART_US,
  MIN_SEGMENT_US,
  type PartPlan,
  planPictureParts,
} from "./part-plan.ts";
import type { HlsPart, SegmentWindow } from "./segment-window.ts";
import { EventCursor, type TimedEvents } from "./timed-events.ts";

export interface VideoSegmenterDeps {
  readonly era: Era;
  readonly events: TimedEvents;
  /** Events go into the parts of one rendition only: players read all renditions that they play. */
  readonly carriesEvents: boolean;
  readonly openWindow: (plan: PartPlan) => SegmentWindow;
  /** Which number a segment of that time should have; undefined: the next one. */
  readonly sequenceAt: (startUs: number) => number | undefined;
  readonly onBoundary: (boundary: PartBoundary) => void;
}

/** A short last part that waits for the first part of the next segment, which begins with `next`. */
interface Tail {
  readonly samples: readonly VideoSample[];
  readonly next: VideoSample;
  /** Of both. */
  readonly era: number;
}

/** µs, so that every time is exact. */
const TIMESCALE = 1_000_000;

/**
 * Makes CMAF parts and segments of one rendition of pictures: a segment per group, cut into parts of a whole number of
 * pictures. A part is made when the picture behind it is there, which tells how long its last one is shown; a short one
 * that ends a segment is made with the part behind it.
 */
export class VideoSegmenter implements TrackConsumer {
  window: SegmentWindow | undefined;
  readonly #deps: VideoSegmenterDeps;
  readonly #maker: VideoSampleMaker;
  readonly #pending: VideoSample[] = [];
  #pendingBytes = 0;
  #tail: Tail | undefined;
  #cursor: EventCursor | undefined;
  #init = -1;
  #fragments = 0;
  #segmentDecodeUs = 0;
  /** From decoding to presentation at the segment's first picture. */
  #offsetUs = 0;

  constructor(hints: VideoSampleHints, deps: VideoSegmenterDeps) {
    this.#maker = new VideoSampleMaker(hints);
    this.#deps = deps;
  }

  /** The segment that has begun, but is not in the window before its first part is. */
  get begun(): { readonly startUs: number; readonly sequence: number } | undefined {
    if (this.#tail === undefined || this.window === undefined) return undefined;
    return { startUs: this.#tail.next.timestampUs, sequence: this.window.nextSequence };
  }

  onFrame(timestampUs: number, payload: Uint8Array): void {
    const sample = this.#maker.make(timestampUs, payload);
    if (sample === undefined) return;
    if (this.window === undefined) {
      this.#begin(sample);
    } else if (sample.isNewConfig || sample.isBreak) {
      this.#addTail(this.window);
      const last = this.#pending[this.#pending.length - 1];
      if (last !== undefined) this.#cut(this.window, last.decodeUs + Math.round(this.#maker.frameUs));
      this.#deps.era.endAfter(this.window.latest?.era);
      if (sample.isNewConfig) this.#addInit(this.window);
      this.#openSegment(this.window, sample);
      this.window.publish();
    } else this.#goOn(this.window, sample);
    this.#pending.push(sample);
    this.#pendingBytes += sample.data.length;
  }

  #begin(sample: VideoSample): void {
    const window = this.#deps.openWindow(planPictureParts(this.#maker.frameUs));
    this.window = window;
    this.#cursor = new EventCursor(this.#deps.events, sample.timestampUs);
    this.#addInit(window);
    this.#openSegment(window, sample);
  }

  #goOn(window: SegmentWindow, sample: VideoSample): void {
    const first = this.#pending[0];
    if (first === undefined) return;
    const partUs = sample.decodeUs - first.decodeUs;
    const segmentUs = sample.decodeUs - this.#segmentDecodeUs;
    const isFull =
      partUs >= window.plan.partUs - this.#maker.frameUs / 2 || this.#pendingBytes >= MAX_PART_BYTES;
    const startsSegment =
      (sample.isKeyframe && segmentUs >= MIN_SEGMENT_US) || (isFull && segmentUs >= MAX_SEGMENT_US);
    if (!isFull && !startsSegment) return;
    if (startsSegment && partUs < MIN_LAST_PART_US && window.isReady) {
      this.#holdTail(window, sample);
      return;
    }
    this.#addTail(window);
    this.#cut(window, sample.decodeUs);
    if (startsSegment) this.#openSegment(window, sample);
    else {
      const us = sample.decodeUs + this.#offsetUs;
      const era = window.latest?.era ?? this.#deps.era.value;
      const place = { sequence: window.nextSequence - 1, era, startsSegment: false, endsShortPart: false };
      this.#deps.onBoundary({ us, ...place });
    }
    window.publish();
  }

  #holdTail(window: SegmentWindow, next: VideoSample): void {
    const { value: era } = this.#deps.era;
    this.#tail = { samples: this.#pending.splice(0), next, era };
    this.#pendingBytes = 0;
    this.#segmentDecodeUs = next.decodeUs;
    const place = { sequence: window.nextSequence, era, startsSegment: true, endsShortPart: true };
    this.#deps.onBoundary({ us: next.timestampUs, ...place });
  }

  #addTail(window: SegmentWindow): void {
    if (this.#tail === undefined) return;
    const { samples, next, era } = this.#tail;
    this.#tail = undefined;
    this.#addPart(window, samples, next.decodeUs);
    this.#offsetUs = next.timestampUs - next.decodeUs;
    window.openSegment({ startUs: next.timestampUs, era, init: this.#init });
  }

  #addInit(window: SegmentWindow): void {
    const { config } = this.#maker;
    if (config === undefined) return;
    const { avcC, sps } = config;
    const { sarWidth = 1, sarHeight = 1 } = sps;
    this.#init = window.addInit(
      encodeInitSegment({
        kind: "video",
        codec: "avc1",
        timescale: TIMESCALE,
        config: avcC,
        width: sps.codedWidth,
        height: sps.codedHeight,
        aspect: sarWidth === sarHeight ? undefined : [sarWidth, sarHeight],
      }),
    );
  }

  #openSegment(window: SegmentWindow, sample: VideoSample): void {
    this.#segmentDecodeUs = sample.decodeUs;
    this.#offsetUs = sample.timestampUs - sample.decodeUs;
    const startUs = sample.timestampUs;
    const start = { startUs, era: this.#deps.era.value, init: this.#init };
    const { sequence } = window.openSegment(start, this.#deps.sequenceAt(startUs));
    this.#deps.onBoundary({
      us: startUs,
      sequence,
      era: start.era,
      startsSegment: true,
      endsShortPart: false,
    });
  }

  #cut(window: SegmentWindow, endUs: number): void {
    this.#addPart(window, this.#pending, endUs);
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }

  #addPart(window: SegmentWindow, pictures: readonly VideoSample[], endUs: number): void {
    const [first] = pictures;
    if (first === undefined) return;
    this.#fragments += 1;
    const samples: CmafSample[] = pictures.map((sample, index) => ({
      data: sample.data,
      duration: (pictures[index + 1]?.decodeUs ?? endUs) - sample.decodeUs,
      compositionOffset: sample.timestampUs - sample.decodeUs,
      isSync: sample.isKeyframe,
    }));
    const events = this.#deps.carriesEvents ? (this.#cursor?.take(endUs + this.#offsetUs) ?? []) : [];
    const bytes = encodeFragment({
      sequence: this.#fragments,
      baseDecodeTime: first.decodeUs,
      samples,
      events,
    });
    window.addPart(makePart(bytes, endUs - first.decodeUs, first.isKeyframe));
  }
}

export function makePart(bytes: Uint8Array, durationUs: number, isIndependent: boolean): HlsPart {
  return { durationUs, isIndependent, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}
