import type { NativeConnection } from "./native.ts";
import type { QuicStream } from "./quic-stream.ts";

/** The streams of a connection that have something for the engine, best first. */
export class SendSchedule {
  readonly #streams: QuicStream[] = [];
  #sorted = true;

  /** Adds a stream, or files it again after its priority changed. */
  add(stream: QuicStream): void {
    this.#sorted = false;
    if (stream.queued) return;
    stream.queued = true;
    this.#streams.push(stream);
  }

  /** Forgets all streams but one. */
  clear(except?: QuicStream): void {
    this.#streams.length = 0;
    if (except?.queued === true) this.#streams.push(except);
  }

  /** Hands over as much as congestion and flow control allow. True if the connection's window held something back. */
  pump(native: NativeConnection): boolean {
    const streams = this.#streams;
    if (streams.length === 0) return false;
    if (!this.#sorted && streams.length > 1) streams.sort(bySendOrder);
    this.#sorted = true;
    let kept = 0;
    let blocked = false;
    for (const stream of streams) {
      if (!blocked) {
        if (!stream.sendOpen || stream.pump()) {
          stream.queued = false;
          continue;
        }
        // Blocked by its own flow control, the next stream may go; by the connection's window, none may.
        blocked = nothingWritable(native);
      }
      streams[kept] = stream;
      kept += 1;
    }
    streams.length = kept;
    return blocked;
  }
}

function nothingWritable(native: NativeConnection): boolean {
  for (const _ of native.writable()) return false;
  return true;
}

/** Higher priority first; equal ones in order of opening. */
function bySendOrder(a: QuicStream, b: QuicStream): number {
  return b.priority - a.priority || a.id - b.id;
}
