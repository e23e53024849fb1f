/**
 * One frame in the form in which it travels and is cached: `[zigzag timestamp delta][payload size][payload]`,
 * so that a frame is encoded once per node and the same bytes are written to every subscriber.
 * lite-05 sends `wire` whole; lite-04 and older send `wire` from `sizeOffset` (they carry no timestamp).
 */
export interface WireFrame {
  readonly wire: Uint8Array;
  /** Where the payload-size varint starts. */
  readonly sizeOffset: number;
  /** Where the payload starts. */
  readonly payloadOffset: number;
  /** In units of the track's timescale. For Canopy's own tracks: µs since the Unix epoch. */
  readonly timestamp: number;
}
