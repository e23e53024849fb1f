import { OriginError } from "../../origin-error.ts";
import type { RtmpLimits } from "./rtmp-limits.ts";

/** Payload buffers grow in powers of two from here, so that they are replaced rarely. */
const SMALLEST_BUFFER_BYTES = 4096;

/** How far a connection has come: commands only, `publish` was sent, `publish` was granted. */
export type RtmpPhase = "connecting" | "asking" | "publishing";

/** The checks that stand before the chunk parser's allocations. Holds the connection's account of memory. */
export class ChunkGuard {
  readonly #limits: RtmpLimits;
  #bufferedBytes = 0;

  constructor(limits: RtmpLimits) {
    this.#limits = limits;
  }

  /** Memory taken for messages in assembly, all chunk streams together. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * A chunk header was read.
   * @param format 0 to 3, RTMP 1.0 §5.3.1.2
   * @param pendingBytes of the unfinished message on this chunk stream
   * @throws OriginError `chunk-order`, `chunk-streams`
   */
  checkChunk(format: number, pendingBytes: number, isNew: boolean, chunkStreams: number): void {
    if (isNew && format > 1) {
      throw new OriginError("chunk-order", "A chunk stream starts with a chunk that continues another.");
    }
    if (isNew && chunkStreams >= this.#limits.maxChunkStreams) {
      throw new OriginError(
        "chunk-streams",
        `More than ${this.#limits.maxChunkStreams} chunk streams are in use.`,
      );
    }
    if (pendingBytes > 0 && format !== 3) {
      throw new OriginError(
        "chunk-order",
        "A message starts before the previous one of its chunk stream is complete.",
      );
    }
  }

  /**
   * The buffer size for a message of `length` bytes on a chunk stream that holds `capacity` bytes now.
   * @throws OriginError `message-too-large`, `buffer-full`
   */
  capacityFor(length: number, capacity: number, phase: RtmpPhase): number {
    const limit = this.#limitOf(phase);
    if (length > limit) {
      throw new OriginError(
        "message-too-large",
        `A message of ${length} bytes is over the limit of ${limit} bytes.`,
      );
    }
    if (length <= capacity) return capacity;
    let wanted = Math.max(SMALLEST_BUFFER_BYTES, capacity);
    while (wanted < length) wanted *= 2;
    const total = this.#bufferedBytes - capacity + wanted;
    if (total > this.#limits.maxBufferedBytes) {
      throw new OriginError(
        "buffer-full",
        `More than ${this.#limits.maxBufferedBytes} bytes are in assembly.`,
      );
    }
    this.#bufferedBytes = total;
    return wanted;
  }

  #limitOf(phase: RtmpPhase): number {
    if (phase === "publishing") return this.#limits.maxMessageBytes;
    return phase === "asking" ? this.#limits.maxPendingBytes : this.#limits.maxCommandBytes;
  }

  /**
   * RTMP 1.0 §5.4.1, Set Chunk Size.
   * @param inAssembly unfinished messages: their position in the chunk would be lost with the old size
   * @throws OriginError `chunk-size`
   */
  chunkSize(payload: Buffer, inAssembly: number): number {
    if (payload.length < 4) throw new OriginError("chunk-size", "Set Chunk Size has no size.");
    const size = payload.readUInt32BE(0);
    if (size < 1 || size > this.#limits.maxChunkBytes) {
      throw new OriginError(
        "chunk-size",
        `A chunk size of ${size} is not between 1 and ${this.#limits.maxChunkBytes}.`,
      );
    }
    if (inAssembly > 0)
      throw new OriginError("chunk-size", "The chunk size changes in the middle of a message.");
    return size;
  }
}
