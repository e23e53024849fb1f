import type { QmuxStream } from "./qmux-stream.ts";
import type { RecordWriter } from "./record-writer.ts";

/** Streams that have something to send, best first, as far as the peer's window over all of them goes. */
export class ReadyStreams {
  readonly #streams: QmuxStream[] = [];
  #isSorted = true;
  #limit = 0;
  #sent = 0;

  get isEmpty(): boolean {
    return this.#streams.length === 0;
  }

  /** Adds a stream, or files it again after its priority changed. */
  add(stream: QmuxStream): void {
    this.#isSorted = false;
    if (stream.queued) return;
    stream.queued = true;
    this.#streams.push(stream);
  }

  clear(): void {
    this.#streams.length = 0;
  }

  /** What the peer takes in all, bytes. True if that is news. */
  allow(limit: number): boolean {
    if (limit <= this.#limit) return false;
    this.#limit = limit;
    return true;
  }

  write(writer: RecordWriter, socketBudget: number): void {
    const streams = this.#streams;
    if (streams.length === 0) return;
    if (!this.#isSorted && streams.length > 1) streams.sort(bySendOrder);
    this.#isSorted = true;
    let budget = Math.min(socketBudget, this.#limit - this.#sent);
    let kept = 0;
    for (const stream of streams) {
      let hasMore = false;
      if (stream.sendOpen) {
        const written = stream.pump(writer, Math.max(0, budget));
        hasMore = written < 0;
        const bytes = hasMore ? -1 - written : written;
        budget -= bytes;
        this.#sent += bytes;
      }
      if (hasMore) {
        streams[kept] = stream;
        kept += 1;
      } else {
        stream.queued = false;
      }
    }
    streams.length = kept;
  }
}

/** Higher priority first; equal ones in order of opening. */
function bySendOrder(a: QmuxStream, b: QmuxStream): number {
  return b.priority - a.priority || a.id - b.id;
}
