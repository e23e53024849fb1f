import type { NativeConnection } from "./native.ts";

/** quiche's urgency 0 goes first; ours is the other way round. */
const TOP_PRIORITY = 255;

/** Numbers of the streams that this side opens, and which kind is waited for because the peer's limit is reached. */
export class StreamOpener {
  readonly #native: NativeConnection;
  #nextUni: number;
  #nextBidi: number;
  #wantsUni = false;
  #wantsBidi = false;

  constructor(native: NativeConnection, isServer: boolean) {
    this.#native = native;
    // Bit 0: opened by the server; bit 1: unidirectional (RFC 9000 §2.1).
    this.#nextBidi = isServer ? 1 : 0;
    this.#nextUni = isServer ? 3 : 2;
  }

  /** Number of a stream that may be opened now; undefined while the peer's limit is reached. */
  next(bidirectional: boolean, priority: number): number | undefined {
    const native = this.#native;
    const left = bidirectional ? native.peerStreamsLeftBidi() : native.peerStreamsLeftUni();
    if (left <= 0) return this.#wait(bidirectional);
    const id = bidirectional ? this.#nextBidi : this.#nextUni;
    try {
      native.streamPriority(id, TOP_PRIORITY - priority, false);
    } catch {
      return this.#wait(bidirectional);
    }
    if (bidirectional) this.#nextBidi += 4;
    else this.#nextUni += 4;
    return id;
  }

  /** True once when there are streams of a kind that was asked for in vain. */
  hasCredit(): boolean {
    if (!this.#wantsUni && !this.#wantsBidi) return false;
    const uni = this.#wantsUni && this.#native.peerStreamsLeftUni() > 0;
    const bidi = this.#wantsBidi && this.#native.peerStreamsLeftBidi() > 0;
    if (uni) this.#wantsUni = false;
    if (bidi) this.#wantsBidi = false;
    return uni || bidi;
  }

  #wait(bidirectional: boolean): undefined {
    if (bidirectional) this.#wantsBidi = true;
    else this.#wantsUni = true;
  }
}
