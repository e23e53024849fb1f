import {
  buildAvcDecoderConfig,
  DecodeTimeline,
  NAL_AUD,
  NAL_IDR,
  NAL_PPS,
  NAL_SPS,
  nalUnitType,
  parseSps,
  type Sps,
  splitAnnexB,
  withLowDelayVui,
} from "@canopy/media/h264";

/** One picture as MP4 and FLV carry it. */
export interface VideoSample {
  /** Length-prefixed NAL units without parameter sets. */
  readonly data: Uint8Array;
  readonly timestampUs: number;
  readonly decodeUs: number;
  readonly isKeyframe: boolean;
  /** The configuration is another one than that of the sample before. */
  readonly isNewConfig: boolean;
  /** Its time does not go on from the sample before. */
  readonly isBreak: boolean;
}

export interface VideoConfig {
  /** AVCDecoderConfigurationRecord. */
  readonly avcC: Uint8Array;
  readonly sps: Sps;
}

export interface VideoSampleHints {
  readonly bFrames: boolean | undefined;
  readonly framerate: number | undefined;
  /** Largest distance of decoding and presentation, ms. */
  readonly jitterMs: number | undefined;
}

const PREFIX_BYTES = 4;
const BASELINE_PROFILE = 66;
const DEFAULT_FRAMERATE = 30;
/** Publishers may say anything: parts and decoding times are planned within these bounds. */
const MIN_FRAMERATE = 1;
const MAX_FRAMERATE = 240;
/** What encoders use unless they are told otherwise. */
const USUAL_REORDER_DEPTH = 2;
/** A longer step of media time is none of a stream that goes on. */
const BREAK_US = 1_000_000;
const US_PER_SECOND = 1_000_000;

/** Turns the access units of one rendition, Annex B in decoding order, into samples with decoding times. */
export class VideoSampleMaker {
  /** Undefined until the first keyframe. */
  config: VideoConfig | undefined;
  readonly #hints: VideoSampleHints;
  #spsNal: Uint8Array | undefined;
  #ppsNals: readonly Uint8Array[] = [];
  #timeline: DecodeTimeline | undefined;
  #lastUs = Number.NaN;

  constructor(hints: VideoSampleHints) {
    this.#hints = hints;
  }

  /** Usual distance of pictures, µs. */
  get frameUs(): number {
    const told = this.#hints.framerate ?? this.config?.sps.framerate ?? DEFAULT_FRAMERATE;
    return US_PER_SECOND / Math.min(MAX_FRAMERATE, Math.max(MIN_FRAMERATE, told));
  }

  /** Undefined before the first keyframe with parameter sets. @throws MediaError. Copies the picture. */
  make(timestampUs: number, annexB: Uint8Array): VideoSample | undefined {
    const nals = splitAnnexB(annexB);
    let bytes = 0;
    let isKeyframe = false;
    for (const nal of nals) {
      const type = nalUnitType(nal[0]);
      if (type === NAL_IDR) isKeyframe = true;
      if (!isOutOfBand(type)) bytes += PREFIX_BYTES + nal.length;
    }
    const isNewConfig = isKeyframe && this.#configure(nals);
    if (this.config === undefined || bytes === 0) return undefined;
    const isBreak = Math.abs(timestampUs - this.#lastUs) > BREAK_US;
    this.#lastUs = timestampUs;
    if (isBreak || isNewConfig || this.#timeline === undefined)
      this.#timeline = new DecodeTimeline(this.#reorderDepth(), this.frameUs);
    const decodeUs = this.#timeline.push(timestampUs);
    const data = lengthPrefixed(nals, bytes);
    return { data, timestampUs, decodeUs, isKeyframe, isNewConfig, isBreak };
  }

  /** True if the configuration is another one now. */
  #configure(nals: readonly Uint8Array[]): boolean {
    const spsNals = nals.filter((nal) => nalUnitType(nal[0]) === NAL_SPS);
    const ppsNals = nals.filter((nal) => nalUnitType(nal[0]) === NAL_PPS);
    const [first] = spsNals;
    if (first === undefined || ppsNals.length === 0) return false;
    const samePps =
      ppsNals.length === this.#ppsNals.length &&
      ppsNals.every((nal, index) => sameBytes(nal, this.#ppsNals[index]));
    if (samePps && this.#isSameSps(first)) return false;
    const avcC = buildAvcDecoderConfig({ sps: spsNals, pps: ppsNals });
    this.config = { avcC, sps: parseSps(first) };
    this.#spsNal = first.slice();
    this.#ppsNals = ppsNals.map((nal) => nal.slice());
    return true;
  }

  /** An origin completes the SPS once it knows that nothing is reordered: decoders of the old one go on. */
  #isSameSps(nal: Uint8Array): boolean {
    if (this.#spsNal === undefined) return false;
    return sameBytes(nal, this.#spsNal) || sameBytes(nal, withLowDelayVui(this.#spsNal));
  }

  #reorderDepth(): number {
    const { bFrames, jitterMs } = this.#hints;
    const sps = this.config?.sps;
    // The catalog does not tell of B-frames before the first one has come.
    if (sps?.maxNumReorderFrames !== undefined) return sps.maxNumReorderFrames;
    if (bFrames !== true || sps?.profileIdc === BASELINE_PROFILE) return 0;
    if (jitterMs === undefined) return USUAL_REORDER_DEPTH;
    return Math.max(1, Math.ceil((jitterMs * 1_000) / this.frameUs));
  }
}

/** Units that MP4 and FLV keep beside the pictures (ISO/IEC 14496-15 §5.4.2, `avc1`). */
function isOutOfBand(type: number): boolean {
  return type === NAL_SPS || type === NAL_PPS || type === NAL_AUD;
}

function lengthPrefixed(nals: readonly Uint8Array[], bytes: number): Uint8Array {
  const data = new Uint8Array(bytes);
  const view = new DataView(data.buffer);
  let at = 0;
  for (const nal of nals) {
    if (isOutOfBand(nalUnitType(nal[0]))) continue;
    view.setUint32(at, nal.length);
    data.set(nal, at + PREFIX_BYTES);
    at += PREFIX_BYTES + nal.length;
  }
  return data;
}

function sameBytes(left: Uint8Array, right: Uint8Array | undefined): boolean {
  return right !== undefined && Buffer.compare(left, right) === 0;
}
