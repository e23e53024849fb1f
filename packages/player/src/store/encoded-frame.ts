/** One access unit or audio packet as it came from the network. */
export interface EncodedFrame {
  /** Presentation time, µs of media time. */
  readonly timestampUs: number;
  /** Codec bytes; the frame owns them. */
  readonly payload: Uint8Array;
  /** Decoding may start here. */
  readonly isKey: boolean;
}
