/** What all recordings have done since the start. */
export class RecordCounters {
  writtenBytes = 0;
  readonly lostSegments = { "disk-full": 0, disk: 0, queue: 0 };
  readonly uploads = { stored: 0, failed: 0 };
  readonly removed = { asked: 0, age: 0, bytes: 0 };
}
