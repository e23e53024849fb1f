/** As low as decoding, repaints and the hiccups of an ordinary machine allow; the network may ask for more. */
const LOWEST_MS = 100;

/** Viewers in sync mode must agree without talking: room for the network of most of them. */
const SYNC_MS = 150;

/** The latency to aim at, ms: what was asked for, or what suits the way of playing. */
export function wishedLatencyMs(asked: number | undefined, isSync: boolean): number {
  return asked ?? (isSync ? SYNC_MS : LOWEST_MS);
}
