/** What a node's operator may set about HLS. */
export interface HlsOptions {
  /** How far back the playlists reach, ms. */
  readonly windowMs: number;
  /** Bytes of one rendition's segments; the oldest go first. */
  readonly maxRenditionBytes: number;
  /** Bytes of all segments of the node. */
  readonly maxBytes: number;
  /** Requests that wait for a part or a playlist at one time; each viewer has up to four. */
  readonly maxWaits: number;
  /** A reader who takes nothing of an answer for so long loses his connection. */
  readonly stalledMs: number;
}

export const DEFAULT_HLS_OPTIONS: HlsOptions = {
  windowMs: 30_000,
  maxRenditionBytes: 64 * 1024 * 1024,
  maxBytes: 256 * 1024 * 1024,
  maxWaits: 8_192,
  // Longer than any answer is held back.
  stalledMs: 60_000,
};
