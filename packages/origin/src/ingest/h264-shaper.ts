import { MediaError } from "@canopy/media";
import {
  avccToAnnexB,
  findParameterSets,
  h264CodecString,
  isKeyframe,
  joinAnnexB,
  type NalLengthSize,
  normalizeAccessUnit,
  parameterSetId,
  parseAvcDecoderConfig,
  parseSps,
  type Sps,
  usesBFrames,
  withLowDelayVui,
} from "@canopy/media/h264";

/** An access unit as it goes into the store: Annex B, parameter sets before every IDR. */
export interface ShapedUnit {
  readonly annexB: Uint8Array;
  readonly keyframe: boolean;
}

const BASELINE_PROFILE = 66;
/** A first group without B-frames that is at least this long shows that the encoder uses none. */
const FRAMES_WITHOUT_B = 15;

/**
 * Brings one H.264 stream into Canopy's form, and finds out whether it has B-frames. Where it has none and the encoder
 * does not say so, the SPS is completed (`withLowDelayVui`) from the second group on: otherwise decoders may hold
 * back up to 16 frames. Should B-frames appear later, the encoder's own SPS is sent again.
 */
export class H264Shaper {
  #nalLengthSize: NalLengthSize = 4;
  #sps: readonly Uint8Array[] = [];
  #pps: readonly Uint8Array[] = [];
  #sentSps: readonly Uint8Array[] = [];
  #parsed: Sps | undefined;
  #bFrames = false;
  #framesSinceConfig = 0;
  #lowDelay = false;

  /** Of the newest parameter sets; undefined before any. */
  get sps(): Sps | undefined {
    return this.#parsed;
  }

  get codec(): string | undefined {
    return this.#parsed === undefined ? undefined : h264CodecString(this.#parsed);
  }

  get bFrames(): boolean {
    return this.#bFrames;
  }

  /** The SPS that is sent says that no picture is reordered, whereas the encoder's does not. */
  get lowDelay(): boolean {
    return this.#lowDelay;
  }

  /**
   * A decoder configuration (avcC). Returns false if it only repeats what is known.
   * @throws MediaError
   */
  configure(avcC: Uint8Array): boolean {
    const config = parseAvcDecoderConfig(avcC);
    this.#nalLengthSize = config.nalLengthSize;
    return this.#setParameterSets(config.sps, config.pps);
  }

  /** Parameter sets that came beside the stream, e.g. in a session description. @throws MediaError */
  learnParameterSets(nals: readonly Uint8Array[]): void {
    this.#learnFrom(joinAnnexB(nals));
  }

  /**
   * Shapes a length-prefixed access unit (FLV, avcC streams). Undefined if it shows nothing (SEI alone).
   * @throws MediaError
   */
  shapeLengthPrefixed(unit: Uint8Array): ShapedUnit | undefined {
    return this.shapeAnnexB(avccToAnnexB(unit, this.#nalLengthSize));
  }

  /** Shapes an Annex B access unit. Parameter sets inside it are learnt. @throws MediaError */
  shapeAnnexB(unit: Uint8Array): ShapedUnit | undefined {
    const keyframe = isKeyframe(unit);
    if (keyframe) this.#learnFrom(unit);
    this.#observe(unit, keyframe);
    try {
      const sets = { sps: this.#sentSps, pps: this.#pps };
      // Encoders that repeat their SPS in front of every IDR would undo the completion; it was learnt from there.
      const annexB = normalizeAccessUnit(unit, sets, { preferGivenSps: this.#lowDelay });
      return { annexB, keyframe };
    } catch (error) {
      if (!(error instanceof MediaError) || error.code !== "missing-slice") throw error;
      // Some senders put their parameter sets into a unit of their own.
      this.#learnFrom(unit);
      return undefined;
    }
  }

  #setParameterSets(sps: readonly Uint8Array[], pps: readonly Uint8Array[]): boolean {
    if (sameUnits(sps, this.#sps) && sameUnits(pps, this.#pps)) return false;
    const [first] = sps;
    this.#parsed = first === undefined ? undefined : parseSps(first);
    // Copies that are none of a Buffer's `slice`, which is a view: the sender's buffer is used again.
    this.#sps = sps.map((unit) => new Uint8Array(unit));
    this.#pps = pps.map((unit) => new Uint8Array(unit));
    this.#bFrames = false;
    this.#framesSinceConfig = 0;
    this.#useLowDelay(this.#parsed?.profileIdc === BASELINE_PROFILE);
    return true;
  }

  /** A stream may bring or change its parameter sets in front of an IDR; those of other ids stay in force. */
  #learnFrom(unit: Uint8Array): void {
    const { sps, pps } = findParameterSets(unit);
    if (sps.length === 0 && pps.length === 0) return;
    const allSps = withKnown(sps, this.#sps);
    const allPps = withKnown(pps, this.#pps);
    if (allSps.length > 0 && allPps.length > 0) this.#setParameterSets(allSps, allPps);
  }

  #observe(unit: Uint8Array, keyframe: boolean): void {
    if (keyframe && !this.#bFrames && !this.#lowDelay && this.#framesSinceConfig >= FRAMES_WITHOUT_B) {
      this.#useLowDelay(true);
    }
    this.#framesSinceConfig++;
    if (this.#bFrames || keyframe || !usesBFrames(unit)) return;
    this.#bFrames = true;
    this.#useLowDelay(false);
  }

  #useLowDelay(wanted: boolean): void {
    this.#lowDelay = wanted && this.#parsed !== undefined && this.#parsed.maxNumReorderFrames === undefined;
    this.#sentSps = this.#lowDelay ? this.#sps.map(withLowDelayVui) : this.#sps;
  }
}

/** The newest first; of those known before, the ones whose id is not among them. */
function withKnown(newest: readonly Uint8Array[], known: readonly Uint8Array[]): readonly Uint8Array[] {
  if (newest.length === 0) return known;
  const ids = new Set(newest.map(parameterSetId));
  return [...newest, ...known.filter((unit) => !ids.has(parameterSetId(unit)))];
}

function sameUnits(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return (
    a.length === b.length &&
    a.every((unit, index) => Buffer.compare(unit, b[index] ?? new Uint8Array()) === 0)
  );
}
