import type { Track } from "./track.ts";

/** Runs `flush` soon; the transport's own flush should come after it in the same turn of the event loop. */
export type ScheduleFlush = (flush: () => void) => void;

/**
 * Collects the tracks that have news and tells their subscribers once per flush, whatever the number of
 * frames. Tracks of higher priority are told first, so that in one flush the catalog, timed messages and
 * audio are written to a connection before video is.
 */
export class FlushQueue {
  private dirty: Track[] = [];
  /** The other of the two lists that take turns, so that a flush allocates none. */
  private spare: Track[] = [];
  private scheduled = false;
  private readonly schedule: ScheduleFlush;
  private readonly nowMs: () => number;
  private readonly run = (): void => this.flush();

  constructor(schedule: ScheduleFlush, nowMs: () => number) {
    this.schedule = schedule;
    this.nowMs = nowMs;
  }

  add(track: Track): void {
    this.dirty.push(track);
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(this.run);
  }

  /** Also called directly by tests and when the node closes. */
  flush(): void {
    this.scheduled = false;
    const batch = this.dirty;
    if (batch.length === 0) return;
    // Local consumers may append in turn (republish): those tracks come in the next flush.
    this.dirty = this.spare;
    this.spare = batch;
    if (batch.length > 1) batch.sort(byPriority);
    const nowMs = this.nowMs();
    for (const track of batch) track.notify(nowMs);
    batch.length = 0;
  }
}

function byPriority(a: Track, b: Track): number {
  return b.effectivePriority - a.effectivePriority;
}
