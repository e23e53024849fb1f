import { type CmafTrack, encodeFragment, encodeInitSegment } from "@canopy/media/cmaf";
import type { RecordedInit, RecordedSegment, RecordedTrack } from "./segment-batch.ts";

/** One coded frame on its way into a segment. Times are media times. */
export interface LaneSample {
  readonly decodeUs: number;
  readonly presentUs: number;
  readonly isSync: boolean;
  readonly data: Uint8Array;
}

/** Where a lane is in its recording; goes on from one process to the next. */
export interface LanePosition {
  inits: number;
  segments: number;
  /** The newest init: what is the same needs no other one. */
  lastInit: Uint8Array | undefined;
}

export interface LaneFormat {
  readonly track: RecordedTrack;
  readonly cmaf: CmafTrack;
  /** RFC 6381. */
  readonly codec: string;
  /** Length of a sample whose successor is not known, µs. */
  readonly usualDurationUs: number;
}

/** The frames of one track of one stretch, from arrival to segment. */
export class SampleLane {
  readonly format: LaneFormat;
  bytes = 0;
  newestPresentUs = Number.NEGATIVE_INFINITY;
  readonly #position: LanePosition;
  readonly #init: number;
  readonly #initBytes: Uint8Array;
  #initPending: boolean;
  #samples: LaneSample[] = [];
  #isFirst = true;

  constructor(format: LaneFormat, position: LanePosition) {
    this.format = format;
    this.#position = position;
    this.#initBytes = encodeInitSegment(format.cmaf);
    const { lastInit } = position;
    this.#initPending = lastInit === undefined || Buffer.compare(lastInit, this.#initBytes) !== 0;
    if (this.#initPending) position.inits += 1;
    position.lastInit = this.#initBytes;
    this.#init = position.inits;
  }

  get first(): LaneSample | undefined {
    return this.#samples[0];
  }

  get last(): LaneSample | undefined {
    return this.#samples[this.#samples.length - 1];
  }

  push(sample: LaneSample): void {
    this.#samples.push(sample);
    this.newestPresentUs = Math.max(this.newestPresentUs, sample.presentUs);
    this.bytes += sample.data.byteLength;
  }

  /** Takes out the samples from a decoding time on; they belong to what comes next. */
  takeFrom(decodeUs: number): LaneSample[] {
    const at = this.#samples.findIndex((sample) => sample.decodeUs >= decodeUs);
    if (at < 0) return [];
    const taken = this.#samples.splice(at);
    for (const { data } of taken) this.bytes -= data.byteLength;
    this.newestPresentUs = this.last?.presentUs ?? Number.NEGATIVE_INFINITY;
    return taken;
  }

  /** The init, once, before the first segment that needs it. */
  takeInit(): RecordedInit | undefined {
    if (!this.#initPending) return undefined;
    this.#initPending = false;
    const { track, codec, cmaf } = this.format;
    const size = cmaf.kind === "video" ? { width: cmaf.width, height: cmaf.height } : {};
    return { track, number: this.#init, codec, ...size, bytes: this.#initBytes };
  }

  /**
   * Makes a segment of the samples before `untilUs`. Their last one lasts until the next that is here, so without
   * `endUs` one whose successor has not come stays behind. Undefined if there are none.
   */
  cut(
    untilUs: number,
    clock: { readonly mediaStartUs: number; readonly baseUs: number },
    options: {
      readonly isBroken: boolean;
      readonly events: (timescale: number) => readonly Uint8Array[];
      /** The end of the stretch: the last sample lasts until then. */
      readonly endUs?: number;
    },
  ): RecordedSegment | undefined {
    let count = this.#samples.findIndex(({ decodeUs }) => decodeUs >= untilUs);
    if (count < 0) count = options.endUs === undefined ? this.#samples.length - 1 : this.#samples.length;
    if (count <= 0) return undefined;
    const taken = this.#samples.splice(0, count);
    for (const { data } of taken) this.bytes -= data.byteLength;
    const first = taken[0] as LaneSample;
    const last = taken[taken.length - 1] as LaneSample;
    const endUs = this.first?.decodeUs ?? options.endUs ?? last.decodeUs + this.format.usualDurationUs;
    const { timescale } = this.format.cmaf;
    const shiftUs = clock.baseUs - clock.mediaStartUs;
    const ticks = (mediaUs: number): number => Math.round(((mediaUs + shiftUs) * timescale) / 1_000_000);
    this.#position.segments += 1;
    const number = this.#position.segments;
    const discontinuity = options.isBroken && this.#isFirst;
    this.#isFirst = false;
    return {
      track: this.format.track,
      number,
      init: this.#init,
      startUs: first.decodeUs + shiftUs,
      durationUs: endUs - first.decodeUs,
      mediaUs: first.decodeUs,
      discontinuity,
      samples: taken.length,
      bytes: encodeFragment({
        sequence: number,
        baseDecodeTime: ticks(first.decodeUs),
        events: options.events(timescale),
        samples: taken.map((sample, index) => ({
          data: sample.data,
          isSync: sample.isSync,
          duration: ticks(taken[index + 1]?.decodeUs ?? endUs) - ticks(sample.decodeUs),
          compositionOffset: ticks(sample.presentUs) - ticks(sample.decodeUs),
        })),
      }),
    };
  }
}
