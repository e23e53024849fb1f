import type { QuicStream } from "./quic-stream.ts";

/** Streams that one sweep asks; the rest follow with the next packet or after this time. */
const SWEEP_STREAMS = 64;
const SWEEP_INTERVAL_MS = 50;

/**
 * Finds the streams that the peer stopped. The engine tells of a STOP_SENDING only when the stream is touched,
 * and forgets the code with the stream, once what was sent is acknowledged and both sides are over. So open
 * streams are touched whenever packets came in, before they are read.
 */
export class StopSweep {
  /** When the rest of a sweep that was cut short is due; Infinity = nothing is left. */
  nextMs = Number.POSITIVE_INFINITY;
  readonly #streams: ReadonlyMap<number, QuicStream>;
  /** Where the sweep goes on; a Map's iterator stays valid while the Map changes. */
  #position: MapIterator<QuicStream> | undefined;

  constructor(streams: ReadonlyMap<number, QuicStream>) {
    this.#streams = streams;
  }

  run(nowMs: number): void {
    this.#position ??= this.#streams.values();
    for (let asked = 0; asked < SWEEP_STREAMS; asked += 1) {
      const next = this.#position.next();
      if (next.done === true) {
        this.#position = undefined;
        this.nextMs = Number.POSITIVE_INFINITY;
        return;
      }
      next.value.checkStopped();
    }
    this.nextMs = nowMs + SWEEP_INTERVAL_MS;
  }
}
