import type { TimedMessage } from "@canopy/media/timed";

export type RecordedTrack = "video" | "audio";

/** What a decoder has to know before the segments that name it. */
export interface RecordedInit {
  readonly track: RecordedTrack;
  /** Counts the inits of the track, from 1. */
  readonly number: number;
  readonly codec: string;
  readonly width?: number;
  readonly height?: number;
  readonly bytes: Uint8Array;
}

/** A run of frames of one track. Times are µs from the start of the recording. */
export interface RecordedSegment {
  readonly track: RecordedTrack;
  /** Counts the segments of the track, from 1. */
  readonly number: number;
  /** Number of its init. */
  readonly init: number;
  readonly startUs: number;
  readonly durationUs: number;
  /** Media time of `startUs`. */
  readonly mediaUs: number;
  /** The first of its track in a stretch that does not follow the one before without a break. */
  readonly discontinuity: boolean;
  readonly samples: number;
  readonly bytes: Uint8Array;
}

export interface RecordedEvent {
  /** From the start of the recording. */
  readonly offsetUs: number;
  readonly message: TimedMessage;
}

/** What is written together: the segments of all tracks up to one keyframe, with what they need. */
export interface SegmentBatch {
  readonly inits: readonly RecordedInit[];
  readonly segments: readonly RecordedSegment[];
  readonly events: readonly RecordedEvent[];
}
