import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder, writeWhole } from "./durable-files.ts";

/** What is kept of a room's recording: the recordings of its broadcasts name it, so it need not name them. */
export interface RoomFile {
  readonly version: 1;
  readonly id: string;
  /** Broadcasts whose paths are under it belong to it. */
  readonly room: string;
  readonly createdMs: number;
  /** Absent while broadcasts are still taken up. */
  readonly finishedMs?: number;
}

/** Beside the recordings, whose folders are called by their ids. */
const ROOMS_FOLDER = "rooms";

export async function writeRoomFile(folder: string, file: RoomFile): Promise<void> {
  const path = join(folder, ROOMS_FOLDER);
  await mkdir(path, { recursive: true });
  await writeWhole(path, `${file.id}.json`, JSON.stringify(file));
  await syncFolder(path);
}

export async function removeRoomFile(folder: string, id: string): Promise<void> {
  await rm(join(folder, ROOMS_FOLDER, `${id}.json`), { force: true });
}

/** Those that earlier processes have left; what cannot be read is passed over. */
export async function readRoomFiles(folder: string): Promise<RoomFile[]> {
  const path = join(folder, ROOMS_FOLDER);
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const files: RoomFile[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith(".json"))) {
    const file = parseRoomFile(await readFile(join(path, name), "utf8"));
    if (file !== undefined && name === `${file.id}.json`) files.push(file);
  }
  return files;
}

function parseRoomFile(text: string): RoomFile | undefined {
  try {
    const file = JSON.parse(text) as RoomFile;
    const isWhole =
      file.version === 1 &&
      typeof file.id === "string" &&
      typeof file.room === "string" &&
      Number.isFinite(file.createdMs) &&
      (file.finishedMs === undefined || Number.isFinite(file.finishedMs));
    return isWhole ? file : undefined;
  } catch {
    return undefined;
  }
}
