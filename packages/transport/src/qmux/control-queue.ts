import { FRAME, PING_HIGH, PING_LOW, PONG_LOW } from "./frame-types.ts";
import type { RecordWriter } from "./record-writer.ts";

/** Type and three fields of each frame. */
const FIELDS = 4;
/** Every frame here but the longest reset: eight bytes for the type, and three fields. */
export const MAX_CONTROL_BYTES = 32;
/** Stand for a PING and its answer, whose types pass 2^53. */
const PING = -1;
const PONG = -2;

/** Control frames that wait for the next flush, as plain numbers. Bounded: a peer that reads nothing is given up. */
export class ControlQueue {
  readonly #fields: number[] = [];
  readonly #maxFrames: number;

  constructor(options: { readonly maxFrames: number }) {
    this.#maxFrames = options.maxFrames;
  }

  get isEmpty(): boolean {
    return this.#fields.length === 0;
  }

  clear(): void {
    this.#fields.length = 0;
  }

  /** False: the queue is full. */
  add(type: number, first: number, second = 0, third = 0): boolean {
    if (this.#fields.length >= this.#maxFrames * FIELDS) return false;
    this.#fields.push(type, first, second, third);
    return true;
  }

  addPing(sequence: number): boolean {
    return this.add(PING, 0, sequence);
  }

  /** The answer repeats the sequence, of 62 bits, exactly. */
  addPong(high: number, low: number): boolean {
    return this.add(PONG, high, low);
  }

  /** Writes all of them. True if a PING was among them. */
  write(writer: RecordWriter): boolean {
    const fields = this.#fields;
    let hasPing = false;
    for (let index = 0; index < fields.length; index += FIELDS) {
      const type = fields[index] ?? 0;
      const first = fields[index + 1] ?? 0;
      const second = fields[index + 2] ?? 0;
      writer.frame(MAX_CONTROL_BYTES);
      if (type === PING || type === PONG) {
        writer.wide(PING_HIGH, type === PING ? PING_LOW : PONG_LOW);
        if (first === 0 && second < 0x4000_0000) writer.varint(second);
        else writer.wide(first, second);
        hasPing ||= type === PING;
        continue;
      }
      writer.varint(type);
      writer.varint(first);
      if (type === FRAME.resetStream || type === FRAME.stopSending || type === FRAME.maxStreamData) {
        writer.varint(second);
      }
      if (type === FRAME.resetStream) writer.varint(fields[index + 3] ?? 0);
    }
    fields.length = 0;
    return hasPing;
  }
}
