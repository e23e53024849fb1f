import type { RecordingContents } from "./recording-journal.ts";

/** The events of a recording with their moments: `/recordings/<id>/timeline.json`. */
export function writeTimeline(contents: RecordingContents): string {
  const { begin, events, durationUs } = contents;
  return JSON.stringify({
    broadcast: begin?.broadcast,
    durationSeconds: durationUs / 1_000_000,
    complete: contents.ended,
    events: events
      .toSorted((left, right) => left.offsetUs - right.offsetUs)
      .map(({ offsetUs, message }) => ({
        offsetSeconds: offsetUs / 1_000_000,
        mediaTimeUs: message.at,
        message,
      })),
  });
}
