import type { RtpSource } from "./rtp-source.ts";

/** Whoever writes one source's media. */
export interface SourceWriter {
  readonly source: RtpSource;
}

/** A source that sent nothing for this long gives its place to another one: an encoder that was started anew. */
const SILENT_MS = 1_500;

/**
 * Which SSRCs of one media section are taken. Each place (a simulcast layer, or the one stream there is) has one
 * source at a time, so that nobody can add to another's picture by sending under an SSRC of his own; a new source
 * gets the place when the old one has left or fallen silent.
 */
export class SourceTable<W extends SourceWriter> implements Iterable<W> {
  readonly #bySsrc = new Map<number, W>();
  readonly #byPlace = new Map<string, W>();

  get(ssrc: number): W | undefined {
    return this.#bySsrc.get(ssrc);
  }

  /** Who has the place now. */
  at(place: string): W | undefined {
    return this.#byPlace.get(place);
  }

  [Symbol.iterator](): Iterator<W> {
    return this.#byPlace.values();
  }

  /** Whether a source that is not known yet may have the place. */
  isFree(place: string, nowMs: number): boolean {
    const holder = this.#byPlace.get(place)?.source;
    return holder === undefined || holder.saidGoodbye || nowMs - holder.lastPacketMs > SILENT_MS;
  }

  /** The former holder's packets are not taken any more. */
  set(place: string, writer: W): void {
    const former = this.#byPlace.get(place);
    if (former !== undefined) this.#bySsrc.delete(former.source.ssrc);
    this.#byPlace.set(place, writer);
    this.#bySsrc.set(writer.source.ssrc, writer);
  }
}
