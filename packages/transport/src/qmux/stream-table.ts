import { FRAME } from "./frame-types.ts";
import { QmuxError } from "./qmux-error.ts";
import { QmuxStream, type StreamOwner } from "./qmux-stream.ts";
import type { PeerParameters } from "./transport-parameters.ts";

/** In stream ids: bit 1 = unidirectional, bit 0 = opened by the server (RFC 9000 §2.1). */
const UNI = 2;
/** Places in the pairs of counts below. */
const BIDI_PLACE = 0;
const UNI_PLACE = 1;

export interface StreamTableOptions {
  readonly role: "client" | "server";
  readonly maxIncomingStreams: number;
}

/** The streams of a session, and how many of them each side may open. */
export class StreamTable {
  readonly #side: number;
  readonly #maxIncoming: number;
  readonly #owner: StreamOwner;
  readonly #streams = new Map<number, QmuxStream>();
  #peer: PeerParameters | undefined;
  /** Bidirectional and unidirectional: opened here, allowed by the peer. */
  readonly #opened = [0, 0];
  readonly #allowed = [0, 0];
  /** Opened by the peer, of these ended, and allowed to the peer. */
  readonly #accepted = [0, 0];
  readonly #ended = [0, 0];
  readonly #granted: number[];

  constructor(options: StreamTableOptions, owner: StreamOwner) {
    this.#side = options.role === "client" ? 0 : 1;
    this.#maxIncoming = options.maxIncomingStreams;
    this.#granted = [options.maxIncomingStreams, options.maxIncomingStreams];
    this.#owner = owner;
  }

  setPeer(peer: PeerParameters): void {
    this.#peer = peer;
    this.#allowed[BIDI_PLACE] = peer.maxStreamsBidi;
    this.#allowed[UNI_PLACE] = peer.maxStreamsUni;
  }

  /** True if more streams are allowed than before. */
  allow(isUni: boolean, count: number): boolean {
    const place = isUni ? UNI_PLACE : BIDI_PLACE;
    if (count <= (this.#allowed[place] ?? 0)) return false;
    this.#allowed[place] = count;
    return true;
  }

  /** Undefined while the peer's limit is reached. */
  open(isUni: boolean, priority: number): QmuxStream | undefined {
    const place = isUni ? UNI_PLACE : BIDI_PLACE;
    const index = this.#opened[place] ?? 0;
    if (index >= (this.#allowed[place] ?? 0)) return undefined;
    this.#opened[place] = index + 1;
    const id = index * 4 + (isUni ? UNI : 0) + this.#side;
    const sendLimit = isUni ? this.#peer?.streamDataUni : this.#peer?.streamDataBidiRemote;
    const stream = this.#add(id, { sends: true, receives: !isUni, priority, sendLimit: sendLimit ?? 0 });
    stream.announced = true;
    return stream;
  }

  /** The stream that the peer sends on; undefined if it is over. */
  receiving(id: number): QmuxStream | undefined {
    if (this.#isOurs(id) && isUni(id)) {
      throw new QmuxError("stream-state", "bytes came on a stream that only this side sends on");
    }
    return this.#find(id);
  }

  /** The stream that this side sends on; undefined if it is over. */
  sending(id: number): QmuxStream | undefined {
    if (!this.#isOurs(id) && isUni(id)) {
      throw new QmuxError("stream-state", "a stream was stopped that only the peer sends on");
    }
    return this.#find(id);
  }

  /** Forgets a stream. Returns how many of its kind the peer may open from now on, if he is to be told. */
  end(stream: QmuxStream): { readonly frame: number; readonly count: number } | undefined {
    this.#streams.delete(stream.id);
    if (this.#isOurs(stream.id)) return undefined;
    const uni = isUni(stream.id);
    const place = uni ? UNI_PLACE : BIDI_PLACE;
    const ended = (this.#ended[place] ?? 0) + 1;
    this.#ended[place] = ended;
    if ((this.#granted[place] ?? 0) - ended > this.#maxIncoming / 2) return undefined;
    const count = ended + this.#maxIncoming;
    this.#granted[place] = count;
    return { frame: uni ? FRAME.maxStreamsUni : FRAME.maxStreamsBidi, count };
  }

  /** The session is over. */
  release(): void {
    for (const stream of this.#streams.values()) stream.release();
    this.#streams.clear();
  }

  #find(id: number): QmuxStream | undefined {
    const index = Math.floor(id / 4);
    const place = isUni(id) ? UNI_PLACE : BIDI_PLACE;
    if (this.#isOurs(id)) {
      if (index >= (this.#opened[place] ?? 0)) {
        throw new QmuxError("stream-state", "a stream was named that was never opened");
      }
      return this.#streams.get(id);
    }
    if (index >= (this.#granted[place] ?? 0)) {
      throw new QmuxError("stream-limit", "more streams were opened than allowed");
    }
    // A stream opens those below it (RFC 9000 §2.1), which may send later.
    for (let next = this.#accepted[place] ?? 0; next <= index; next += 1) {
      const sends = place === BIDI_PLACE;
      const sendLimit = sends ? (this.#peer?.streamDataBidiLocal ?? 0) : 0;
      this.#add(next * 4 + (id % 4), { sends, receives: true, priority: 0, sendLimit });
      this.#accepted[place] = next + 1;
    }
    return this.#streams.get(id);
  }

  #add(
    id: number,
    part: {
      readonly sends: boolean;
      readonly receives: boolean;
      readonly priority: number;
      readonly sendLimit: number;
    },
  ): QmuxStream {
    const stream = new QmuxStream({ id, ...part }, this.#owner);
    this.#streams.set(id, stream);
    return stream;
  }

  #isOurs(id: number): boolean {
    return id % 2 === this.#side;
  }
}

export function isUni(id: number): boolean {
  return id % 4 >= UNI;
}
