import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RoomOfRecording } from "./recording-journal.ts";

/** What is kept of a recording that is ready, so that its journal need not be read to list it. */
export interface RecordingInfo {
  readonly version: 1;
  readonly id: string;
  readonly broadcast: string;
  readonly room?: RoomOfRecording;
  readonly createdMs: number;
  readonly finishedMs: number;
  readonly durationUs: number;
  readonly bytes: number;
  readonly events: number;
  readonly hasMp4: boolean;
  /** The files are in the object store, not here. */
  readonly isStored: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

export const INFO_FILE = "recording.json";

/** Undefined if the recording is not ready. */
export async function readInfo(folder: string): Promise<RecordingInfo | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, INFO_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const info = JSON.parse(text) as RecordingInfo;
    return info.version === 1 && typeof info.broadcast === "string" ? info : undefined;
  } catch {
    // Then it is made anew from the journal.
    return undefined;
  }
}
