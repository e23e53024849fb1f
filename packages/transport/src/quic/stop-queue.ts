import { type NativeConnection, SHUTDOWN_READ } from "./native.ts";

/**
 * quiche 0.18 never gives back the stream credit of a peer's stream that was ended by STOP_SENDING. So the limit
 * that is announced has a reserve of this size, one STOP_SENDING takes one out of it, and once it is used up
 * stopped streams are read and thrown away instead.
 */
export const STOP_RESERVE_STREAMS = 3_072;

/**
 * STOP_SENDING frames on their way out. A peer that runs quiche forgets a stream, and with it the code, when the same
 * packet brings the stop and the acknowledgement of the stream's data: so acknowledgements go ahead.
 */
export class StopQueue {
  readonly #ids: number[] = [];
  readonly #codes: number[] = [];
  #credits = STOP_RESERVE_STREAMS;

  /** False if the reserve is used up. */
  add(streamId: number, wireCode: number): boolean {
    if (this.#credits === 0) return false;
    this.#credits -= 1;
    this.#ids.push(streamId);
    this.#codes.push(wireCode);
    return true;
  }

  /** Hands what waits to the engine. True if there is something to send now. */
  release(native: NativeConnection): boolean {
    if (this.#ids.length === 0) return false;
    for (let index = 0; index < this.#ids.length; index += 1) {
      try {
        native.streamShutdown(this.#ids[index] ?? 0, SHUTDOWN_READ, this.#codes[index] ?? 0);
      } catch {
        // The engine has collected the stream already: both sides know that it is over.
      }
    }
    this.#ids.length = 0;
    this.#codes.length = 0;
    return true;
  }
}
