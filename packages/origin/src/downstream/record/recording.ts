import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { MediaError } from "@canopy/media";
import type { TimedMessage } from "@canopy/media/timed";
import type { Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import type { Program } from "../program/choose-program.ts";
import { ProgramFollower, type ProgramTaker } from "../program/program-follower.ts";
import { isDiskFull, syncFolder, writeWhole } from "./durable-files.ts";
import type { RecordCounters } from "./record-counters.ts";
import { MP4_FILE, TIMELINE_FILE } from "./recording-files.ts";
import type { RecordingFolder } from "./recording-folder.ts";
import { INFO_FILE, type RecordingInfo } from "./recording-info.ts";
import { initFile, type RoomOfRecording, segmentFile } from "./recording-journal.ts";
import type { RecordingOptions } from "./recording-options.ts";
import type { LanePosition } from "./sample-lane.ts";
import type { SegmentBatch } from "./segment-batch.ts";
import { Segmenter } from "./segmenter.ts";
import type { BuildMp4 } from "./start-mp4-worker.ts";
import type { UploadQueue } from "./upload-queue.ts";

/** `waiting`: for the broadcast, or for it to come back. `failed`: it ended without any media. */
export type RecordingState = "waiting" | "recording" | "finishing" | "ready" | "failed";

export interface RecordingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: RecordCounters;
  readonly folder: RecordingFolder;
  /** Of what an earlier process has recorded. */
  readonly lastInits: { readonly video: Uint8Array | undefined; readonly audio: Uint8Array | undefined };
  readonly buildMp4: BuildMp4;
  /** Undefined: the files stay on the disk. */
  readonly uploads: UploadQueue | undefined;
  /** Aborted when the process stops: what is not done is done by the next one. */
  readonly signal: AbortSignal;
  /** Aborts the signal for this recording alone. */
  abort(): void;
  onFinished(recording: Recording, info: RecordingInfo): void;
}

/** Waits for the rest of a group as long as the store keeps it. */
const MAX_LATENCY_MS = 10_000;
/** Batches that wait for the disk; with the open segment the bound of a recording's memory (5 times 32 MB at worst). */
const MAX_QUEUED_BATCHES = 4;
const MAX_SEGMENT_BYTES = 32 * 1024 * 1024;

/** One broadcast on its way to the disk, from the first frame to the finished files. */
export class Recording implements ProgramTaker {
  readonly id: string;
  readonly broadcast: string;
  readonly createdMs: number;
  readonly room: RoomOfRecording | undefined;
  readonly #options: RecordingOptions;
  readonly #deps: RecordingDeps;
  readonly #follower: ProgramFollower;
  readonly #segmenter: Segmenter;
  #state: RecordingState = "waiting";
  /** Since when the broadcast is away, ms; undefined before there was any of it. */
  #goneMs: number | undefined;
  #error: OriginError | undefined;
  #queued = 0;
  #writing: Promise<void> = Promise.resolve();
  #finishing: Promise<void> | undefined;
  #droppedFrames = 0;

  constructor(options: RecordingOptions, deps: RecordingDeps) {
    const { begin, inits, segments, events, durationUs } = deps.folder.contents;
    if (begin === undefined) throw new OriginError("not-found", "The recording's journal has no beginning.");
    this.id = begin.id;
    this.broadcast = begin.broadcast;
    this.createdMs = begin.createdMs;
    this.room = begin.room;
    this.#options = options;
    this.#deps = deps;
    this.#segmenter = new Segmenter(
      { targetUs: options.segmentMs * 1_000, maxBytes: MAX_SEGMENT_BYTES },
      {
        baseUs: durationUs,
        events,
        positions: {
          video: positionOf(inits.video, segments.video, deps.lastInits.video),
          audio: positionOf(inits.audio, segments.audio, deps.lastInits.audio),
        },
      },
      (batch) => this.#enqueue(batch),
    );
    // One that goes on after a restart waits for its broadcast as if that had just gone.
    if (durationUs > 0) this.#goneMs = deps.clock.nowMs();
    this.#follower = new ProgramFollower(
      { path: begin.broadcast, maxLatencyMs: MAX_LATENCY_MS },
      { store: deps.store, logger: deps.logger, taker: this },
    );
    // What an earlier process has not stored is not known: everything goes up once more.
    const { folder, uploads } = deps;
    for (const name of folder.mediaFiles()) uploads?.push(name, join(folder.path, name));
    if (!folder.contents.ended) this.#follower.play();
  }

  get state(): RecordingState {
    return this.#state;
  }

  get isRunning(): boolean {
    return this.#state === "waiting" || this.#state === "recording";
  }

  get error(): OriginError | undefined {
    return this.#error ?? this.#deps.uploads?.problem;
  }

  get folder(): RecordingFolder {
    return this.#deps.folder;
  }

  get pendingUploads(): number {
    return this.#deps.uploads?.pending ?? 0;
  }

  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  /** About once a second. */
  tick(nowMs: number): void {
    if (!this.isRunning) return;
    this.#follower.tick();
    const isOver = this.#goneMs !== undefined && nowMs - this.#goneMs >= this.#options.lingerMs;
    if (isOver) void this.finish();
  }

  /** Ends the recording and makes its files; resolves when they are there. Idempotent. */
  finish(): Promise<void> {
    this.#finishing ??= this.#finish();
    return this.#finishing;
  }

  /** Ends it without making its files, which are to be removed. */
  async discard(): Promise<void> {
    this.#finishing ??= Promise.resolve();
    this.#follower.close();
    this.#state = "failed";
    this.#deps.abort();
    await this.#finishing;
    await this.#writing;
  }

  /** The process stops: what is open is kept, and the next process goes on. */
  async suspend(): Promise<void> {
    if (this.isRunning) {
      this.#follower.close();
      this.#segmenter.finishStretch();
    }
    await this.#writing;
  }

  // ------------------------------------------------------------------ from the broadcast

  onProgram(program: Program | undefined): void {
    if (!this.isRunning) return;
    if (program === undefined) {
      this.#segmenter.finishStretch();
      if (this.#state === "recording") this.#goneMs = this.#deps.clock.nowMs();
      this.#state = "waiting";
      return;
    }
    if (program.video === undefined && program.audio === undefined) {
      this.#error = new OriginError(
        "codec-unsupported",
        `Of the broadcast (${program.unsupported.join(", ")}) nothing can be recorded.`,
      );
      return;
    }
    this.#segmenter.onProgram(program);
  }

  onVideo(timestampUs: number, annexB: Uint8Array, isKeyframe: boolean): void {
    try {
      this.#segmenter.onVideo(timestampUs, annexB, isKeyframe);
      this.#onMedia();
    } catch (error) {
      if (!(error instanceof MediaError)) throw error;
      this.#droppedFrames += 1;
    }
  }

  onAudio(timestampUs: number, payload: Uint8Array): void {
    this.#segmenter.onAudio(timestampUs, payload);
    this.#onMedia();
  }

  onTimed(message: TimedMessage): void {
    this.#segmenter.onTimed(message);
  }

  #onMedia(): void {
    if (this.#state === "recording" || !this.isRunning) return;
    this.#state = "recording";
    this.#goneMs = undefined;
  }

  // ------------------------------------------------------------------ to the disk

  #enqueue(batch: SegmentBatch): void {
    if (this.#queued >= MAX_QUEUED_BATCHES) {
      this.#lose(batch, "queue", new OriginError("storage-failed", "The disk is too slow."));
      return;
    }
    this.#queued += 1;
    this.#writing = this.#writing.then(() => this.#write(batch));
  }

  async #write(batch: SegmentBatch): Promise<void> {
    const { folder, counters, uploads } = this.#deps;
    try {
      await folder.write(batch);
      this.#error = undefined;
      for (const file of [...batch.inits, ...batch.segments]) counters.writtenBytes += file.bytes.byteLength;
      if (uploads === undefined) return;
      for (const name of [...batch.inits.map(initFile), ...batch.segments.map(segmentFile)]) {
        uploads.push(name, join(folder.path, name));
      }
    } catch (error) {
      const isFull = isDiskFull(error);
      const message = isFull ? "The disk is full." : "The disk does not take the recording.";
      const code = isFull ? "storage-full" : "storage-failed";
      this.#lose(batch, isFull ? "disk-full" : "disk", new OriginError(code, message, { cause: error }));
    } finally {
      this.#queued -= 1;
    }
  }

  /** The recording goes on with the next keyframe, as if the publisher had been away. */
  #lose(batch: SegmentBatch, reason: "disk-full" | "disk" | "queue", error: OriginError): void {
    const { counters, logger, folder } = this.#deps;
    counters.lostSegments[reason] += batch.segments.length;
    if (this.#error === undefined) {
      logger.error({ recording: this.id, broadcast: this.broadcast, err: error.cause }, error.message);
    }
    this.#error = error;
    // Behind what is still on its way to the disk.
    const lostUs = Math.min(this.#segmenter.recordedUs, ...batch.segments.map(({ startUs }) => startUs));
    const isNewest = reason === "queue" || this.#queued <= 1;
    const baseUs = isNewest ? Math.max(lostUs, folder.contents.durationUs) : this.#segmenter.recordedUs;
    this.#segmenter.rewind(baseUs, batch.inits);
  }

  // ------------------------------------------------------------------ the end

  async #finish(): Promise<void> {
    const { folder, signal, clock, logger } = this.#deps;
    this.#state = "finishing";
    this.#follower.close();
    this.#segmenter.finishStretch();
    await this.#writing;
    const { contents } = folder;
    const isEmpty = contents.durationUs === 0;
    if (isEmpty)
      this.#error ??= new OriginError("not-found", "There was nothing of the broadcast to record.");
    let hasMp4 = false;
    try {
      await folder.end();
      hasMp4 = isEmpty ? false : await this.#makeMp4();
      if (signal.aborted) return;
      const isStored = !isEmpty && (await this.#upload(hasMp4));
      if (signal.aborted) return;
      const mp4Bytes = hasMp4 ? ((await folder.sizeOf(MP4_FILE)) ?? 0) : 0;
      const info: RecordingInfo = {
        version: 1,
        id: this.id,
        broadcast: this.broadcast,
        ...(this.room === undefined ? {} : { room: this.room }),
        createdMs: this.createdMs,
        finishedMs: clock.nowMs(),
        durationUs: contents.durationUs,
        bytes: contents.bytes + mp4Bytes,
        events: contents.events.length,
        hasMp4,
        isStored,
        ...(this.#error === undefined
          ? {}
          : { error: { code: this.#error.code, message: this.#error.message } }),
      };
      await writeWhole(folder.path, INFO_FILE, JSON.stringify(info));
      await syncFolder(folder.path);
      if (isStored) await this.#removeLocal();
      this.#state = isEmpty ? "failed" : "ready";
      this.#deps.onFinished(this, info);
    } catch (error) {
      if (signal.aborted) return;
      const code = isDiskFull(error) ? "storage-full" : "storage-failed";
      this.#error = new OriginError(code, "The recording could not be finished.", { cause: error });
      this.#state = "failed";
      logger.error({ recording: this.id, err: error }, this.#error.message);
    }
  }

  /** Without the MP4 the recording still plays from its segments. */
  async #makeMp4(): Promise<boolean> {
    const { folder, buildMp4, signal, logger } = this.#deps;
    const unfinished = join(folder.path, `${MP4_FILE}.part`);
    try {
      await buildMp4(folder.path, unfinished, signal);
      await rename(unfinished, join(folder.path, MP4_FILE));
      return true;
    } catch (error) {
      await rm(unfinished, { force: true });
      if (signal.aborted) return false;
      const code = isDiskFull(error) ? "storage-full" : "storage-failed";
      const reason = error instanceof Error ? error.message : String(error);
      this.#error = new OriginError(code, `The MP4 could not be made (${reason}).`, { cause: error });
      logger.error({ recording: this.id, err: error }, "the MP4 of a recording could not be made");
      return false;
    }
  }

  /** Resolves with true when everything is in the object store. */
  async #upload(hasMp4: boolean): Promise<boolean> {
    const { uploads, folder, signal } = this.#deps;
    if (uploads === undefined) return false;
    const { segments } = folder.contents;
    const names = ["index.m3u8", TIMELINE_FILE];
    if (segments.video.length > 0) names.push("video.m3u8");
    if (segments.audio.length > 0) names.push("audio.m3u8");
    if (hasMp4) names.push(MP4_FILE);
    for (const name of names) uploads.push(name, join(folder.path, name));
    await uploads.settled();
    return !signal.aborted && uploads.pending === 0;
  }

  async #removeLocal(): Promise<void> {
    const { folder } = this.#deps;
    for (const name of [...folder.mediaFiles(), MP4_FILE]) await rm(join(folder.path, name), { force: true });
  }
}

/** Numbers go on above what is in the journal, where a lost segment has left some out. */
function positionOf(
  inits: readonly { readonly number: number }[],
  segments: readonly { readonly number: number }[],
  lastInit: Uint8Array | undefined,
): LanePosition {
  return { inits: inits.at(-1)?.number ?? 0, segments: segments.at(-1)?.number ?? 0, lastInit };
}
