/** Largest number of idle read buffers kept: 8 × 32 KiB. */
const POOLED_BUFFERS = 8;

/** One QUIC packet train of a busy stream fits; an idle stream holds one of these. */
const READ_BUFFER_BYTES = 32 * 1024;

/** Counters and read buffers that all streams of one session share. */
export class SessionTraffic {
  sentBytes = 0;
  receivedBytes = 0;
  /** Bytes accepted by `write` that the browser has not taken yet, over all streams. */
  bufferedBytes = 0;
  /** `performance.now()` of the last bytes from the peer. */
  lastReceivedMs = performance.now();
  closed = false;
  readonly #buffers: ArrayBuffer[] = [];

  onReceived(bytes: number): void {
    this.receivedBytes += bytes;
    this.lastReceivedMs = performance.now();
  }

  takeBuffer(): ArrayBuffer {
    return this.#buffers.pop() ?? new ArrayBuffer(READ_BUFFER_BYTES);
  }

  returnBuffer(buffer: ArrayBuffer): void {
    if (buffer.byteLength === READ_BUFFER_BYTES && this.#buffers.length < POOLED_BUFFERS) {
      this.#buffers.push(buffer);
    }
  }
}
