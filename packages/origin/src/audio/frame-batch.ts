/** One codec frame of one transcoding. */
export interface BridgeFrame {
  /** Of the transcoding. */
  readonly id: number;
  readonly timestampUs: number;
  readonly payload: Uint8Array;
}

/**
 *     ┌──────────────────┬────────┬────────────┬─────────┐
 *     │ timestampUs  f64 │ id u32 │ length u32 │ payload │ …
 *     └──────────────────┴────────┴────────────┴─────────┘
 */
const HEADER_BYTES = 16;

/** Bytes of a frame in a batch. */
export function batchedBytes(payloadBytes: number): number {
  return HEADER_BYTES + payloadBytes;
}

/** Copies frames into one buffer, which is handed over between threads instead of being copied again. */
export function writeFrameBatch(frames: readonly BridgeFrame[]): ArrayBuffer {
  let size = 0;
  for (const { payload } of frames) size += batchedBytes(payload.length);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { id, timestampUs, payload } of frames) {
    view.setFloat64(at, timestampUs);
    view.setUint32(at + 8, id);
    view.setUint32(at + 12, payload.length);
    bytes.set(payload, at + HEADER_BYTES);
    at += batchedBytes(payload.length);
  }
  return bytes.buffer;
}

/** Reads a batch of our own other thread; payloads are views of the buffer. */
export function* readFrameBatch(buffer: ArrayBuffer): Generator<BridgeFrame> {
  const view = new DataView(buffer);
  let at = 0;
  while (at < buffer.byteLength) {
    const length = view.getUint32(at + 12);
    yield {
      timestampUs: view.getFloat64(at),
      id: view.getUint32(at + 8),
      payload: new Uint8Array(buffer, at + HEADER_BYTES, length),
    };
    at += batchedBytes(length);
  }
}
