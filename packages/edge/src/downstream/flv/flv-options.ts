/** What a node's operator may set about HTTP-FLV. */
export interface FlvOptions {
  /** What may wait for one reader before pictures are left out for him. */
  readonly maxBufferedBytes: number;
}

/** Eleven seconds at 1.5 Mbit/s. */
export const DEFAULT_FLV_OPTIONS: FlvOptions = { maxBufferedBytes: 2 * 1024 * 1024 };
