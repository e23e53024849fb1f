import type { ReceiveStreamHandler } from "../session.ts";

interface ReceivedPiece {
  readonly bytes: Uint8Array;
  readonly fin: boolean;
}

export interface ReceiveHalfDeps {
  /** Calls `receiver.onData` with bytes that are overwritten afterwards. */
  readonly deliver: (receiver: ReceiveStreamHandler, bytes: Uint8Array, fin: boolean) => void;
  /** The application has taken `bytes`: the peer may send as many more. */
  readonly onConsumed: (bytes: number) => void;
  /** FIN or RESET has been taken: nothing comes on this half any more. */
  readonly onDone: () => void;
  readonly isSessionClosed: () => boolean;
}

/** The receiving half of a stream: what has arrived and not been delivered yet. */
export class ReceiveHalf {
  readonly #deps: ReceiveHalfDeps;
  readonly #pieces: ReceivedPiece[] = [];
  #resetCode: number | undefined;
  receiver: ReceiveStreamHandler | undefined;
  paused = false;
  stopped = false;
  done = false;

  constructor(deps: ReceiveHalfDeps) {
    this.#deps = deps;
  }

  onData(bytes: Uint8Array, fin: boolean): void {
    this.#pieces.push({ bytes, fin });
    this.pump();
  }

  onReset(code: number): void {
    for (const piece of this.#pieces) {
      this.#deps.onConsumed(piece.bytes.length);
    }
    this.#pieces.length = 0;
    this.#resetCode = code;
    this.pump();
  }

  /** Delivers what can be delivered. Called from the clock only. */
  pump(): void {
    while (!this.done && !this.#deps.isSessionClosed()) {
      if (this.#resetCode !== undefined) {
        this.#deliverReset(this.#resetCode);
        return;
      }
      const waits = !this.stopped && (this.paused || this.receiver === undefined);
      const piece = waits ? undefined : this.#pieces.shift();
      if (piece === undefined) {
        return;
      }
      this.done = piece.fin;
      if (!this.stopped && this.receiver !== undefined) {
        this.#deps.deliver(this.receiver, piece.bytes, piece.fin);
      }
      this.#deps.onConsumed(piece.bytes.length);
      if (piece.fin) {
        this.#deps.onDone();
      }
    }
  }

  #deliverReset(code: number): void {
    if (this.stopped) {
      this.done = true;
      this.#deps.onDone();
    } else if (this.receiver !== undefined) {
      this.done = true;
      this.receiver.onReset(code);
      this.#deps.onDone();
    }
  }
}
