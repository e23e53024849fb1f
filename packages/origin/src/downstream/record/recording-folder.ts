import { mkdir, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { appendSynced, syncFolder, writeWhole } from "./durable-files.ts";
import {
  type BeginEntry,
  batchEntries,
  encodeEntries,
  initFile,
  JOURNAL_FILE,
  type JournalEntry,
  type RecordingContents,
  readJournal,
  segmentFile,
} from "./recording-journal.ts";
import type { RecordedTrack, SegmentBatch } from "./segment-batch.ts";
import { writePlaylists } from "./write-playlists.ts";
import { writeTimeline } from "./write-timeline.ts";

/**
 * One recording on the disk. Every change is made in this order: segments to the disk, the journal, the playlists. A
 * crash at any point loses at most what was being written.
 */
export class RecordingFolder {
  readonly path: string;
  readonly contents: RecordingContents;

  private constructor(path: string, contents: RecordingContents) {
    this.path = path;
    this.contents = contents;
  }

  static async create(path: string, begin: Omit<BeginEntry, "kind" | "version">): Promise<RecordingFolder> {
    await mkdir(path, { recursive: true });
    const entry: JournalEntry = { kind: "begin", version: 1, ...begin };
    await writeWhole(path, JOURNAL_FILE, encodeEntries([entry]));
    await syncFolder(path);
    const { contents } = readJournal(encodeEntries([entry]));
    return new RecordingFolder(path, contents);
  }

  /** Opens what another process has left; undefined if it is no recording. What is not in the journal is removed. */
  static async reopen(path: string): Promise<RecordingFolder | undefined> {
    const journal = join(path, JOURNAL_FILE);
    let text: string;
    try {
      text = await readFile(journal, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const { contents, wholeChars } = readJournal(text);
    if (contents.begin === undefined) return undefined;
    if (wholeChars < text.length) await truncate(journal, Buffer.byteLength(text.slice(0, wholeChars)));
    const folder = new RecordingFolder(path, contents);
    await folder.#removeStrays();
    return folder;
  }

  /** The newest init of a track; undefined before there is one. */
  async lastInit(track: RecordedTrack): Promise<Uint8Array | undefined> {
    const init = this.contents.inits[track].at(-1);
    return init && (await readFile(join(this.path, initFile(init))));
  }

  async write(batch: SegmentBatch): Promise<void> {
    for (const init of batch.inits) await writeWhole(this.path, initFile(init), init.bytes);
    for (const segment of batch.segments) await writeWhole(this.path, segmentFile(segment), segment.bytes);
    await syncFolder(this.path);
    await this.#append(batchEntries(batch));
  }

  /** The recording is complete: nothing is added any more. Idempotent. */
  async end(): Promise<void> {
    if (!this.contents.ended) await this.#append([{ kind: "end" }]);
    else await this.#writeDocuments();
  }

  /** Names of the segments and their inits. */
  mediaFiles(): string[] {
    const { inits, segments } = this.contents;
    return [
      ...[...inits.video, ...inits.audio].map(initFile),
      ...[...segments.video, ...segments.audio].map(segmentFile),
    ];
  }

  /** Bytes of a file; undefined if it is not there. */
  async sizeOf(name: string): Promise<number | undefined> {
    try {
      return (await stat(join(this.path, name))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  async #append(entries: readonly JournalEntry[]): Promise<void> {
    await appendSynced(join(this.path, JOURNAL_FILE), encodeEntries(entries));
    for (const entry of entries) this.contents.add(entry);
    await this.#writeDocuments();
  }

  async #writeDocuments(): Promise<void> {
    for (const [name, text] of writePlaylists(this.contents)) await writeWhole(this.path, name, text);
    await writeWhole(this.path, "timeline.json", writeTimeline(this.contents));
  }

  async #removeStrays(): Promise<void> {
    const known = new Set(this.mediaFiles());
    for (const name of await readdir(this.path)) {
      const isPart = name.endsWith(".part");
      const isMedia = name.endsWith(".m4s") || name.includes("-init-");
      if (isPart || (isMedia && !known.has(name))) await rm(join(this.path, name), { force: true });
    }
  }
}
