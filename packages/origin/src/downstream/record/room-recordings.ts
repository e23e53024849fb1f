import type { Store } from "@canopy/relay";
import type { Clock, Logger } from "@canopy/runtime";
import { OriginError } from "../../origin-error.ts";
import type { RecordingDescription } from "./describe-recording.ts";
import { describeRoom, type RoomDescription } from "./describe-room.ts";
import { type RoomFile, readRoomFiles, removeRoomFile, writeRoomFile } from "./room-file.ts";

export interface RoomRecordingsOptions {
  readonly folder: string;
  /** Rooms that are recorded at one time. */
  readonly maxRooms: number;
}

export interface RoomRecordingsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  createId(nowMs: number): string;
  /** Whether somebody records it already. */
  isRecorded(broadcast: string): boolean;
  /** Rejects with an OriginError. */
  record(
    broadcast: string,
    room: { readonly id: string; readonly path: string },
  ): Promise<{ readonly id: string }>;
  stop(recordingId: string): void;
  purge(recordingId: string): Promise<void>;
  /** The recordings of a room, newest first. */
  membersOf(roomId: string): readonly { describe(): RecordingDescription }[];
}

/** A broadcast that could not be recorded (too many recordings, no disk) is tried again this often. */
const RETRY_MS = 5_000;
/** A stopped room of which nothing is kept is still shown this long. */
const EMPTY_KEPT_MS = 3_600_000;

interface Room {
  file: RoomFile;
  unwatch: (() => void) | undefined;
  /** Live, and not recorded; no more than the store has broadcasts. */
  readonly missed: Set<string>;
  error: OriginError | undefined;
}

/** Rooms whose broadcasts are recorded, each into a recording of its own, from now or from when they begin. */
export class RoomRecordings {
  readonly #options: RoomRecordingsOptions;
  readonly #deps: RoomRecordingsDeps;
  readonly #rooms = new Map<string, Room>();
  #retriedMs = 0;

  constructor(options: RoomRecordingsOptions, deps: RoomRecordingsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Goes on with what earlier processes were told. */
  async start(): Promise<void> {
    for (const file of await readRoomFiles(this.#options.folder)) {
      const room = this.#add(file);
      if (file.finishedMs === undefined) this.#follow(room);
    }
  }

  /**
   * Records every broadcast under a path, live now or later, until `stop`.
   * @throws OriginError `bad-path`, `broadcast-in-use`, `too-many-recordings`, `storage-failed`
   */
  async record(path: string): Promise<{ readonly id: string }> {
    if (path === "") throw new OriginError("bad-path", "A room needs a path.");
    const on = [...this.#rooms.values()].filter(({ file }) => file.finishedMs === undefined);
    if (on.some(({ file }) => file.room === path)) {
      throw new OriginError("broadcast-in-use", `The room ${path} is being recorded already.`);
    }
    const { folder, maxRooms } = this.#options;
    if (on.length >= maxRooms) {
      throw new OriginError("too-many-recordings", `${maxRooms} rooms are being recorded already.`);
    }
    const { clock, logger, createId } = this.#deps;
    const createdMs = clock.nowMs();
    const room = this.#add({ version: 1, id: createId(createdMs), room: path, createdMs });
    const { id } = room.file;
    try {
      await writeRoomFile(folder, room.file);
    } catch (cause) {
      this.#rooms.delete(id);
      throw new OriginError("storage-failed", "The disk does not take a recording.", { cause });
    }
    logger.info({ recording: id, room: path }, "recording a room");
    if (room.file.finishedMs === undefined) this.#follow(room);
    return { id };
  }

  /** Undefined if there is none of that id. */
  get(id: string): { readonly path: string; describe(): RoomDescription } | undefined {
    const room = this.#rooms.get(id);
    if (room === undefined) return undefined;
    const describe = (): RoomDescription => {
      const members = this.#deps.membersOf(id).map((member) => member.describe());
      return describeRoom(room.file, members, room.error);
    };
    return { path: room.file.room, describe };
  }

  /** Newest first. */
  list(): { readonly path: string; describe(): RoomDescription }[] {
    const ids = [...this.#rooms.keys()].sort().reverse();
    return ids.map((id) => this.get(id)).filter((room) => room !== undefined);
  }

  /** Stops it and the recordings of its broadcasts. Idempotent. @throws OriginError `storage-failed` */
  async stop(id: string): Promise<void> {
    const room = this.#rooms.get(id);
    if (room === undefined || room.file.finishedMs !== undefined) return;
    this.#unfollow(room);
    room.file = { ...room.file, finishedMs: this.#deps.clock.nowMs() };
    for (const member of this.#deps.membersOf(id)) this.#deps.stop(member.describe().id);
    try {
      await writeRoomFile(this.#options.folder, room.file);
    } catch (cause) {
      throw new OriginError("storage-failed", "The disk does not take that the room is stopped.", { cause });
    }
  }

  /** Stops it and removes all recordings of its broadcasts. @throws OriginError `storage-failed` */
  async purge(id: string): Promise<void> {
    await this.stop(id);
    for (const member of this.#deps.membersOf(id)) await this.#deps.purge(member.describe().id);
    await this.#forget(id);
  }

  tick(nowMs: number): void {
    if (nowMs - this.#retriedMs < RETRY_MS) return;
    this.#retriedMs = nowMs;
    for (const room of this.#rooms.values()) {
      for (const broadcast of room.missed) this.#take(room, broadcast);
      const { id, finishedMs } = room.file;
      if (finishedMs === undefined || nowMs - finishedMs < EMPTY_KEPT_MS) continue;
      if (this.#deps.membersOf(id).length > 0) continue;
      this.#forget(id).catch((error: unknown) => {
        this.#deps.logger.error({ err: error, recording: id }, "a room's recording could not be removed");
      });
    }
  }

  /** The rooms stay on for the next process. */
  close(): void {
    for (const room of this.#rooms.values()) this.#unfollow(room);
  }

  #add(file: RoomFile): Room {
    const room: Room = { file, unwatch: undefined, missed: new Set(), error: undefined };
    this.#rooms.set(file.id, room);
    return room;
  }

  #follow(room: Room): void {
    room.unwatch = this.#deps.store.watch(room.file.room, {
      onActive: ({ path }) => {
        if (path !== room.file.room) this.#take(room, path);
      },
      onEnded: ({ path }) => room.missed.delete(path),
    });
  }

  #unfollow(room: Room): void {
    room.unwatch?.();
    room.unwatch = undefined;
    room.missed.clear();
  }

  #take(room: Room, broadcast: string): void {
    const { record, isRecorded, stop, logger } = this.#deps;
    if (isRecorded(broadcast)) {
      room.missed.delete(broadcast);
      return;
    }
    const { id, room: path } = room.file;
    record(broadcast, { id, path }).then(
      (recording) => {
        room.missed.delete(broadcast);
        if (room.missed.size === 0) room.error = undefined;
        // It was stopped meanwhile.
        if (room.file.finishedMs !== undefined) stop(recording.id);
      },
      (error: unknown) => {
        if (!(error instanceof OriginError) || error.code === "closed" || room.unwatch === undefined) return;
        if (!room.missed.has(broadcast)) {
          logger.error({ err: error, broadcast, room: path }, "a broadcast of a room could not be recorded");
        }
        room.error = error;
        if (error.code !== "broadcast-in-use") room.missed.add(broadcast);
      },
    );
  }

  async #forget(id: string): Promise<void> {
    this.#rooms.delete(id);
    await removeRoomFile(this.#options.folder, id);
  }
}
