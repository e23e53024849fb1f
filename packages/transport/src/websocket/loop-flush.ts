import type { LoopMember, QuicLoop } from "../quic/quic-loop.ts";

/** A session's place in the loop of the process. The flags belong to the loop. */
export class LoopFlush implements LoopMember {
  readQueued = false;
  flushQueued = false;
  urgent = false;
  readonly schedule: (urgent: boolean) => void;
  readonly schedulePatient: () => void;
  readonly #flush: () => void;

  constructor(loop: QuicLoop, flush: () => void) {
    this.#flush = flush;
    this.schedule = (urgent) => {
      if (this.flushQueued && (this.urgent || !urgent)) return;
      if (urgent) this.urgent = true;
      loop.scheduleFlush(this);
    };
    this.schedulePatient = () => loop.schedulePatient(this);
  }

  handleIncoming(): void {
    // Messages are handled as they come.
  }

  flush(): void {
    this.#flush();
  }
}

/** The same bytes as what they are elsewhere: `slice` of a Buffer would not copy. */
export function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
