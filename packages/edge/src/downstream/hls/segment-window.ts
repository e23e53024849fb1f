import type { PartPlan } from "./part-plan.ts";

export interface HlsPart {
  readonly durationUs: number;
  /** Begins with a keyframe. */
  readonly isIndependent: boolean;
  readonly bytes: Buffer;
}

/** What a segment begins with. */
export interface SegmentStart {
  readonly startUs: number;
  /** Counts the changes of the broadcast's encoding or timeline: its value is the discontinuity sequence number. */
  readonly era: number;
  /** Which of the window's init segments it needs. */
  readonly init: number;
}

/** One Media Segment, the newest of them still growing. */
export interface HlsSegment extends SegmentStart {
  /** Media sequence number. */
  readonly sequence: number;
  readonly parts: HlsPart[];
  durationUs: number;
  bytes: number;
  isComplete: boolean;
  /** Made of the parts when it is first asked for. */
  body: Buffer | undefined;
}

export interface WindowLimits {
  readonly windowMs: number;
  readonly maxBytes: number;
}

/** Which state of a playlist is waited for (draft-pantos-hls-rfc8216bis §6.2.5.2). */
export interface PlaylistPosition {
  readonly sequence: number;
  /** Undefined: the whole segment. */
  readonly part: number | undefined;
}

/** A player needs three target durations at least, and more to skip what it has already. */
const MIN_SEGMENTS = 4;
/** Partial Segments are listed as far back as players may begin (draft-pantos-hls-rfc8216bis §4.4.4.9). */
const PARTS_LISTED_IN_TARGETS = 3;
const US_PER_MS = 1_000;
const US_PER_SECOND = 1_000_000;

/** The segments of one rendition that are in its playlist. Tells whoever waits when it has grown. */
export class SegmentWindow {
  /** Names of segments hold it, so that no URL ever means something else. */
  readonly id: string;
  readonly plan: PartPlan;
  readonly inits = new Map<number, Buffer>();
  /** Oldest first. The last one is not complete. */
  readonly segments: HlsSegment[] = [];
  /** Grows with every change of what is listed. */
  version = 0;
  /** EXT-X-TARGETDURATION. */
  targetSeconds = 1;
  /**
   * The first segment whose parts are listed. It never goes back, also where the target duration grows: hls.js takes
   * parts that are listed again for new ones, and all that follow them.
   */
  partsFrom = 0;
  bytes = 0;
  readonly #limits: WindowLimits;
  readonly #onBytes: (delta: number) => void;
  readonly #onGrowth: () => void;
  #nextSequence: number;
  #nextInit = 0;

  constructor(
    identity: { readonly id: string; readonly firstSequence: number; readonly plan: PartPlan },
    limits: WindowLimits,
    events: { readonly onBytes: (delta: number) => void; readonly onGrowth: () => void },
  ) {
    this.id = identity.id;
    this.plan = identity.plan;
    this.#nextSequence = identity.firstSequence;
    this.#limits = limits;
    this.#onBytes = events.onBytes;
    this.#onGrowth = events.onGrowth;
  }

  get latest(): HlsSegment | undefined {
    return this.segments[this.segments.length - 1];
  }

  /** A player can begin: the target duration is known by then. */
  get isReady(): boolean {
    return this.segments[0]?.isComplete === true;
  }

  /** Of all segments. */
  get spanUs(): number {
    return this.segments.reduce((sumUs, { durationUs }) => sumUs + durationUs, 0);
  }

  /** Returns the number that segments refer to it by. */
  addInit(bytes: Uint8Array): number {
    const number = this.#nextInit;
    this.#nextInit += 1;
    this.inits.set(number, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return number;
  }

  /** The sequence number that the next segment will have. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /**
   * Ends the segment that was growing; one that has stayed without a part has never been listed, and gives its place to
   * this one. `sequence` counts for the first one only: those that follow count on.
   */
  openSegment(start: SegmentStart, sequence?: number): HlsSegment {
    if (this.latest?.parts.length === 0) {
      this.segments.pop();
      this.#nextSequence -= 1;
    }
    this.#complete();
    if (sequence !== undefined && this.segments.length === 0) this.#nextSequence = sequence;
    const segment: HlsSegment = {
      ...start,
      sequence: this.#nextSequence,
      parts: [],
      durationUs: 0,
      bytes: 0,
      isComplete: false,
      body: undefined,
    };
    this.#nextSequence += 1;
    this.segments.push(segment);
    this.#evict();
    return segment;
  }

  addPart(part: HlsPart): void {
    const segment = this.latest;
    if (segment === undefined) return;
    segment.parts.push(part);
    segment.durationUs += part.durationUs;
    segment.bytes += part.bytes.byteLength;
    this.#addBytes(part.bytes.byteLength);
    const listed = this.segments[this.countBefore(PARTS_LISTED_IN_TARGETS * this.targetSeconds)];
    this.partsFrom = Math.max(this.partsFrom, listed?.sequence ?? 0);
    this.version += 1;
  }

  /** To be called once the parts and segments of one moment are added. */
  publish(): void {
    this.version += 1;
    this.#onGrowth();
  }

  /** Gives up the oldest segment for the sake of others; false if a player could not go on without it. */
  evictOldest(): boolean {
    if (this.segments.length <= MIN_SEGMENTS) return false;
    this.#removeOldest();
    return true;
  }

  /** Gives up the segments of eras before `era`: other renditions begin with it. */
  forgetBefore(era: number): void {
    while (this.segments.length > 1 && (this.segments[0]?.era ?? era) < era) this.#removeOldest();
  }

  /** Segments that lie wholly further from the end of the playlist than that, such as the Skip Boundary (§4.4.5.2). */
  countBefore(secondsFromEnd: number): number {
    let fromEndUs = 0;
    let index = this.segments.length;
    while (index > 0 && fromEndUs < secondsFromEnd * US_PER_SECOND) {
      index -= 1;
      fromEndUs += this.segments[index]?.durationUs ?? 0;
    }
    return index;
  }

  find(sequence: number): HlsSegment | undefined {
    const first = this.segments[0];
    return first === undefined ? undefined : this.segments[sequence - first.sequence];
  }

  /** The playlist holds what is waited for, or more. */
  hasReached(position: PlaylistPosition): boolean {
    const { latest } = this;
    if (latest === undefined || position.sequence > latest.sequence) return false;
    if (position.sequence < latest.sequence) {
      const segment = this.find(position.sequence);
      // A part behind the last of its segment is the first of the next one (§6.2.5.2).
      const isBehind =
        position.part !== undefined && segment !== undefined && position.part >= segment.parts.length;
      return !isBehind || position.sequence + 1 < latest.sequence || latest.parts.length > 0;
    }
    return position.part !== undefined && latest.parts.length > position.part;
  }

  /** The whole segment; its parts become views of it, so that it is in memory once. */
  bodyOf(segment: HlsSegment): Buffer {
    if (segment.body !== undefined) return segment.body;
    const body = Buffer.concat(segment.parts.map((part) => part.bytes));
    let at = 0;
    segment.parts.forEach((part, index) => {
      const end = at + part.bytes.byteLength;
      segment.parts[index] = { ...part, bytes: body.subarray(at, end) };
      at = end;
    });
    segment.body = body;
    return body;
  }

  close(): void {
    this.#addBytes(-this.bytes);
    this.segments.length = 0;
    this.inits.clear();
    this.version += 1;
    this.#onGrowth();
  }

  #complete(): void {
    const { latest } = this;
    if (latest === undefined || latest.isComplete) return;
    latest.isComplete = true;
    // The duration, rounded, is at most the target duration (§4.4.3.1).
    this.targetSeconds = Math.max(this.targetSeconds, Math.round(latest.durationUs / US_PER_SECOND));
  }

  #evict(): void {
    const { windowMs, maxBytes } = this.#limits;
    let { spanUs } = this;
    while (this.segments.length > MIN_SEGMENTS) {
      const [oldest] = this.segments;
      if (oldest === undefined) return;
      const isOld = spanUs - oldest.durationUs > windowMs * US_PER_MS;
      if (!isOld && this.bytes <= maxBytes) return;
      spanUs -= oldest.durationUs;
      this.#removeOldest();
    }
  }

  #removeOldest(): void {
    const oldest = this.segments.shift();
    if (oldest === undefined) return;
    this.version += 1;
    this.#addBytes(-oldest.bytes);
    const first = this.segments[0];
    if (first === undefined) return;
    for (const number of this.inits.keys()) if (number < first.init) this.inits.delete(number);
  }

  #addBytes(delta: number): void {
    this.bytes += delta;
    this.#onBytes(delta);
  }
}
