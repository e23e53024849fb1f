import { FRAME } from "./frame-types.ts";
import type { RecordWriter } from "./record-writer.ts";

/** Datagrams of more bytes than this wait for nobody. */
const MAX_BACKLOG_BYTES = 64 * 1_024;
/** Type and length before a datagram. */
export const DATAGRAM_HEADER_BYTES = 8;

/** Datagrams that wait for the next flush. */
export class DatagramQueue {
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Copies `bytes`; false if too much waits already. */
  add(bytes: Uint8Array): boolean {
    if (this.#bytes + bytes.length > MAX_BACKLOG_BYTES) return false;
    this.#waiting.push(bytes.slice());
    this.#bytes += bytes.length;
    return true;
  }

  write(writer: RecordWriter): void {
    for (const bytes of this.#waiting) {
      writer.frame(bytes.length + DATAGRAM_HEADER_BYTES);
      writer.varint(FRAME.datagramWithLength);
      writer.varint(bytes.length);
      writer.bytes(bytes);
    }
    this.clear();
  }

  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
  }
}
