import { validateTimedMessage } from "@canopy/media/timed";
import type {
  RecordedEvent,
  RecordedInit,
  RecordedSegment,
  RecordedTrack,
  SegmentBatch,
} from "./segment-batch.ts";

/**
 * What a recording consists of, as one line of JSON after another. A line is written only when the file that it names
 * is on the disk, so that whatever the journal says is there, also after a crash. Playlists are made from it.
 */
export type JournalEntry = BeginEntry | InitEntry | SegmentEntry | EventEntry | { readonly kind: "end" };

export interface BeginEntry {
  readonly kind: "begin";
  readonly version: 1;
  readonly id: string;
  readonly broadcast: string;
  readonly createdMs: number;
  /** Of the room's recording that this one belongs to. */
  readonly room?: RoomOfRecording;
}

export interface RoomOfRecording {
  readonly id: string;
  readonly path: string;
}

export interface InitEntry extends Omit<RecordedInit, "bytes"> {
  readonly kind: "init";
  /** Size of its file; the bytes themselves are there. */
  readonly bytes: number;
}

export interface SegmentEntry extends Omit<RecordedSegment, "bytes"> {
  readonly kind: "segment";
  /** Size of its file; the bytes themselves are there. */
  readonly bytes: number;
}

export interface EventEntry extends RecordedEvent {
  readonly kind: "event";
}

export const JOURNAL_FILE = "journal.jsonl";

export function initFile({
  track,
  number,
}: {
  readonly track: RecordedTrack;
  readonly number: number;
}): string {
  return `${track}-init-${number}.mp4`;
}

export function segmentFile({
  track,
  number,
}: {
  readonly track: RecordedTrack;
  readonly number: number;
}): string {
  return `${track}-${String(number).padStart(6, "0")}.m4s`;
}

/** The lines of a batch, in the order in which they are to be written. */
export function batchEntries(batch: SegmentBatch): JournalEntry[] {
  return [
    ...batch.inits.map((init) => ({ ...init, kind: "init", bytes: init.bytes.byteLength }) as const),
    ...batch.segments.map(
      (segment) => ({ ...segment, kind: "segment", bytes: segment.bytes.byteLength }) as const,
    ),
    ...batch.events.map((event) => ({ ...event, kind: "event" }) as const),
  ];
}

export function encodeEntries(entries: readonly JournalEntry[]): string {
  return entries.map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/** What a journal holds. */
export class RecordingContents {
  begin: BeginEntry | undefined;
  readonly inits: Readonly<Record<RecordedTrack, InitEntry[]>> = { video: [], audio: [] };
  readonly segments: Readonly<Record<RecordedTrack, SegmentEntry[]>> = { video: [], audio: [] };
  readonly events: RecordedEvent[] = [];
  ended = false;
  bytes = 0;

  /** Length of the recording, µs. */
  get durationUs(): number {
    let endUs = 0;
    for (const list of Object.values(this.segments)) {
      const last = list[list.length - 1];
      if (last !== undefined) endUs = Math.max(endUs, last.startUs + last.durationUs);
    }
    return endUs;
  }

  add(entry: JournalEntry): void {
    switch (entry.kind) {
      case "begin":
        this.begin = entry;
        return;
      case "init":
        this.inits[entry.track].push(entry);
        this.bytes += entry.bytes;
        return;
      case "segment":
        this.segments[entry.track].push(entry);
        this.bytes += entry.bytes;
        return;
      case "event":
        this.events.push({ offsetUs: entry.offsetUs, message: entry.message });
        return;
      case "end":
        this.ended = true;
    }
  }
}

/** Reads a journal as far as it is whole: a crash can leave half a line at its end. */
export function readJournal(text: string): {
  readonly contents: RecordingContents;
  readonly wholeChars: number;
} {
  const contents = new RecordingContents();
  let at = 0;
  for (;;) {
    const end = text.indexOf("\n", at);
    const entry = end < 0 ? undefined : parseEntry(text.slice(at, end));
    if (entry === undefined) return { contents, wholeChars: at };
    contents.add(entry);
    at = end + 1;
  }
}

function parseEntry(line: string): JournalEntry | undefined {
  try {
    const entry = JSON.parse(line) as JournalEntry;
    switch (entry.kind) {
      case "begin":
        return entry.version === 1 && typeof entry.broadcast === "string" ? entry : undefined;
      case "init":
      case "segment":
        return isTrack(entry.track) && Number.isSafeInteger(entry.number) ? entry : undefined;
      case "event":
        return { ...entry, message: validateTimedMessage(entry.message) };
      case "end":
        return entry;
      default:
        return undefined;
    }
  } catch {
    // Half a line, or something that is not ours: what stands before it holds.
    return undefined;
  }
}

function isTrack(track: unknown): boolean {
  return track === "video" || track === "audio";
}
