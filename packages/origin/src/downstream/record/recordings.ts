import { readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import { chooseExpired } from "./choose-expired.ts";
import { describeFinished, describeRunning, type RecordingDescription } from "./describe-recording.ts";
import { matchPath } from "./match-path.ts";
import { RecordCounters } from "./record-counters.ts";
import { Recording, type RecordingState } from "./recording.ts";
import { RecordingFolder } from "./recording-folder.ts";
import { type RecordingInfo, readInfo } from "./recording-info.ts";
import type { RoomOfRecording } from "./recording-journal.ts";
import type { RecordingOptions } from "./recording-options.ts";
import type { RecordingStorage } from "./recording-storage.ts";
import { RoomRecordings } from "./room-recordings.ts";
import type { BuildMp4 } from "./start-mp4-worker.ts";
import { UploadQueue } from "./upload-queue.ts";

export interface RecordingsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  createId(nowMs: number): string;
  onReady(recording: RecordingDescription): void;
  readonly buildMp4: BuildMp4;
  readonly storage: RecordingStorage | undefined;
}

export interface ListedRecording {
  readonly broadcast: string;
  readonly room: RoomOfRecording | undefined;
  describe(): RecordingDescription;
}

const TICK_MS = 500;
const RETENTION_MS = 30_000;
/** Ids are ULIDs: what else lies in the folder is none of ours. */
const ID_PATTERN = /^[0-9A-HJKMNP-TV-Z]{26}$/;
/** For the disk to take what is open when the process stops. */
const SUSPEND_TIMEOUT_MS = 5_000;

/** All recordings of this origin: those that run, and those that are finished and kept. */
export class Recordings implements AsyncDisposable {
  readonly counters = new RecordCounters();
  readonly rooms: RoomRecordings;
  readonly #options: RecordingOptions;
  readonly #deps: RecordingsDeps;
  readonly #running = new Map<string, Recording>();
  readonly #finished = new Map<string, RecordingInfo>();
  /** Being made or removed: not to be touched by anybody else. */
  readonly #busy = new Set<string>();
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #retainedMs = 0;
  #closing: Promise<void> | undefined;

  constructor(options: RecordingOptions, deps: RecordingsDeps) {
    this.#options = { ...options, folder: resolve(options.folder) };
    this.#deps = deps;
    this.rooms = new RoomRecordings(
      { folder: this.#options.folder, maxRooms: options.maxRecordings },
      {
        ...deps,
        isRecorded: (broadcast) => this.#find(broadcast) !== undefined,
        record: (broadcast, room) => this.record(broadcast, room),
        stop: (id) => this.stop(id),
        purge: (id) => this.purge(id),
        membersOf: (roomId) => this.list().filter(({ room }) => room?.id === roomId),
      },
    );
  }

  get folder(): string {
    return this.#options.folder;
  }

  get storage(): RecordingStorage | undefined {
    return this.#deps.storage;
  }

  /** Finds what earlier processes have left, goes on with what is not finished, and begins to follow the rules. */
  async start(): Promise<void> {
    await this.#recover();
    await this.rooms.start();
    const { store, logger } = this.#deps;
    if (this.#options.record.length > 0) {
      this.#unwatch = store.watch("", {
        onActive: ({ path }) => {
          if (!this.#options.record.some((pattern) => matchPath(path, pattern))) return;
          if (this.#find(path) !== undefined) return;
          this.record(path).catch((error: unknown) => {
            logger.error({ err: error, broadcast: path }, "a broadcast could not be recorded");
          });
        },
        onEnded: () => {},
      });
    }
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref();
  }

  /**
   * Starts a recording; a broadcast that is not there yet is waited for.
   * @throws OriginError `broadcast-in-use` (it is being recorded already), `too-many-recordings`, `storage-full`,
   * `storage-failed`
   */
  async record(broadcast: string, room?: RoomOfRecording): Promise<Recording> {
    if (this.#controller.signal.aborted) throw new OriginError("closed", "The server is shutting down.");
    if (this.#find(broadcast) !== undefined) {
      throw new OriginError("broadcast-in-use", `${broadcast} is being recorded already.`);
    }
    const { maxRecordings } = this.#options;
    // One that the disk has failed is kept for the next process, and nothing goes on in it.
    const failed = [...this.#running.values()].filter(({ state }) => state === "failed").length;
    if (this.#running.size - failed + this.#busy.size >= maxRecordings) {
      throw new OriginError("too-many-recordings", `${maxRecordings} recordings are on already.`);
    }
    const createdMs = this.#deps.clock.nowMs();
    const id = this.#deps.createId(createdMs);
    const claim = `path ${broadcast}`;
    this.#busy.add(claim);
    try {
      const path = join(this.#options.folder, id);
      const folder = await RecordingFolder.create(path, {
        id,
        broadcast,
        createdMs,
        ...(room === undefined ? {} : { room }),
      });
      if (this.#controller.signal.aborted) throw new OriginError("closed", "The server is shutting down.");
      this.#deps.logger.info({ recording: id, broadcast }, "recording");
      return await this.#run(folder);
    } catch (cause) {
      if (cause instanceof OriginError) throw cause;
      throw new OriginError("storage-failed", "The disk does not take a recording.", { cause });
    } finally {
      this.#busy.delete(claim);
    }
  }

  /** Undefined if there is none of that id. */
  get(id: string): ListedRecording | undefined {
    const running = this.#running.get(id);
    if (running !== undefined) {
      return { broadcast: running.broadcast, room: running.room, describe: () => describeRunning(running) };
    }
    const info = this.#finished.get(id);
    return info && { broadcast: info.broadcast, room: info.room, describe: () => describeFinished(info) };
  }

  /** Newest first. */
  list(): ListedRecording[] {
    const ids = [...this.#running.keys(), ...this.#finished.keys()].sort().reverse();
    return ids.map((id) => this.get(id)).filter((entry) => entry !== undefined);
  }

  /** Whether the files are in the object store alone. */
  isStored(id: string): boolean {
    return this.#finished.get(id)?.isStored === true;
  }

  countIn(state: RecordingState): number {
    let count = 0;
    for (const { durationUs } of this.#finished.values()) {
      if (state === (durationUs > 0 ? "ready" : "failed")) count += 1;
    }
    for (const recording of this.#running.values()) if (recording.state === state) count += 1;
    return count;
  }

  /** Stops it; its files are made in the background. Does nothing for one that is finished. */
  stop(id: string): void {
    // Settles by itself: every failure becomes the recording's state.
    void this.#running.get(id)?.finish();
  }

  /** Stops it if need be, and removes everything. @throws OriginError `storage-failed` */
  async purge(id: string, reason: "asked" | "age" | "bytes" = "asked"): Promise<void> {
    if (this.#busy.has(id)) return;
    this.#busy.add(id);
    try {
      await this.#running.get(id)?.discard();
      this.#running.delete(id);
      if (this.#deps.storage !== undefined) await this.#deps.storage.remove(id);
      await rm(join(this.#options.folder, id), { recursive: true, force: true });
      this.#finished.delete(id);
      this.counters.removed[reason] += 1;
      this.#deps.logger.info({ recording: id, reason }, "a recording was removed");
    } finally {
      this.#busy.delete(id);
    }
  }

  /** Keeps what is open; the next process goes on with it. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unwatch?.();
    this.rooms.close();
    this.#controller.abort();
    const suspended = Promise.all([...this.#running.values()].map((recording) => recording.suspend()));
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, SUSPEND_TIMEOUT_MS);
    });
    await Promise.race([suspended, timeout]);
    clearTimeout(timer);
  }

  #find(broadcast: string): Recording | string | undefined {
    if (this.#busy.has(`path ${broadcast}`)) return broadcast;
    for (const recording of this.#running.values()) {
      if (recording.broadcast === broadcast && recording.isRunning) return recording;
    }
    return undefined;
  }

  async #run(folder: RecordingFolder): Promise<Recording> {
    const { store, clock, logger, buildMp4, storage } = this.#deps;
    const { counters } = this;
    const controller = new AbortController();
    const signal = AbortSignal.any([this.#controller.signal, controller.signal]);
    const [video, audio] = await Promise.all([folder.lastInit("video"), folder.lastInit("audio")]);
    const id = folder.contents.begin?.id ?? "";
    const uploads = storage && new UploadQueue(id, { storage, counters, logger, signal });
    const recording = new Recording(this.#options, {
      store,
      clock,
      logger,
      counters,
      folder,
      lastInits: { video, audio },
      buildMp4,
      uploads,
      signal,
      abort: () => controller.abort(),
      onFinished: (finished, info) => this.#onFinished(finished, info),
    });
    this.#running.set(recording.id, recording);
    return recording;
  }

  #onFinished(recording: Recording, info: RecordingInfo): void {
    this.#running.delete(recording.id);
    if (this.#busy.has(recording.id)) return;
    this.#finished.set(recording.id, info);
    const { id, broadcast } = recording;
    this.#deps.logger.info({ recording: id, broadcast, durationMs: info.durationUs / 1_000 }, "recorded");
    if (info.durationUs > 0) this.#deps.onReady(describeFinished(info));
  }

  async #recover(): Promise<void> {
    const { folder } = this.#options;
    const { logger } = this.#deps;
    let names: string[];
    try {
      names = await readdir(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return;
    }
    for (const name of names.filter((candidate) => ID_PATTERN.test(candidate))) {
      const path = join(folder, name);
      try {
        const info = await readInfo(path);
        if (info !== undefined) {
          this.#finished.set(name, info);
          continue;
        }
        const reopened = await RecordingFolder.reopen(path);
        if (reopened?.contents.begin?.id !== name) continue;
        const recording = await this.#run(reopened);
        if (reopened.contents.ended) void recording.finish();
        logger.info({ recording: name, broadcast: recording.broadcast }, "an unfinished recording goes on");
      } catch (error) {
        logger.error({ err: error, recording: name }, "a recording could not be read");
      }
    }
  }

  #tick(): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const recording of this.#running.values()) recording.tick(nowMs);
    this.rooms.tick(nowMs);
    if (nowMs - this.#retainedMs < RETENTION_MS) return;
    this.#retainedMs = nowMs;
    for (const { id, reason } of chooseExpired([...this.#finished.values()], this.#options, nowMs)) {
      this.purge(id, reason).catch((error: unknown) => {
        this.#deps.logger.error({ err: error, recording: id }, "a recording could not be removed");
      });
    }
  }
}
