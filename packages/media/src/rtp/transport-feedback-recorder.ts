import { encodeTransportFeedback, MAX_FEEDBACK_GAP_US, NOT_RECEIVED } from "./rtcp/transport-feedback.ts";
import { SequenceUnwrapper } from "./sequence-number.ts";

/** Packets remembered between two feedbacks: 100 ms at 40,000 packets a second is 4,000; 32 KB. */
const MAX_RECORDED = 2_048;

/** Reference times count in these, so arrivals are kept relative to a multiple of it. */
const REFERENCE_TICK_US = 64_000;

/** The receiver's side of transport-wide congestion control: remembers arrivals and writes the feedback. */
export class TransportFeedbackRecorder {
  readonly #senderSsrc: number;
  readonly #unwrapper = new SequenceUnwrapper();
  /** Arrival of sequence `base + i`, µs; NaN: not received. */
  readonly #arrivalsUs = new Float64Array(MAX_RECORDED);
  #base: number | undefined;
  #length = 0;
  #feedbackCount = 0;

  constructor(senderSsrc: number) {
    this.#senderSsrc = senderSsrc;
  }

  /** `arrivalUs` on any clock that does not jump. */
  packet(sequence: number, arrivalUs: number): void {
    const unwrapped = this.#unwrapper.unwrap(sequence);
    let base = this.#base;
    if (base === undefined || unwrapped - base >= MAX_RECORDED) {
      // Never reported, or a jump past what is remembered: begin here. The sender takes the rest for lost.
      base = unwrapped;
      this.#base = base;
      this.#length = 0;
    }
    const index = unwrapped - base;
    // Older than the last feedback: it has been reported as missing.
    if (index < 0) return;
    while (this.#length < index) {
      this.#arrivalsUs[this.#length] = Number.NaN;
      this.#length += 1;
    }
    if (index < this.#length && !Number.isNaN(this.#arrivalsUs[index])) return;
    this.#arrivalsUs[index] = arrivalUs;
    if (index === this.#length) this.#length += 1;
  }

  /** One feedback over everything since the last one; undefined when nothing came. */
  feedback(mediaSsrc: number): Uint8Array<ArrayBuffer> | undefined {
    const base = this.#base;
    const length = this.#length;
    if (base === undefined || length === 0) return undefined;
    let first = 0;
    while (Number.isNaN(this.#arrivalsUs[first])) first += 1;
    const referenceUs =
      Math.floor((this.#arrivalsUs[first] as number) / REFERENCE_TICK_US) * REFERENCE_TICK_US;
    const arrivalsUs = new Int32Array(length);
    let previousUs = 0;
    for (let i = 0; i < length; i += 1) {
      const relativeUs = Math.round((this.#arrivalsUs[i] as number) - referenceUs);
      const isFar = !(Math.abs(relativeUs - previousUs) < MAX_FEEDBACK_GAP_US);
      arrivalsUs[i] = isFar ? NOT_RECEIVED : relativeUs;
      if (!isFar) previousUs = relativeUs;
    }
    const bytes = encodeTransportFeedback({
      senderSsrc: this.#senderSsrc,
      mediaSsrc,
      baseSequence: base & 0xffff,
      feedbackCount: this.#feedbackCount,
      referenceTimeMs: referenceUs / 1000,
      arrivalsUs,
    });
    this.#feedbackCount = (this.#feedbackCount + 1) & 0xff;
    this.#base = base + length;
    this.#length = 0;
    return bytes;
  }
}
