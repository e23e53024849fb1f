import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Writes a file so that it is there as a whole or not at all, also after a crash: under another name, to the disk, then
 * renamed. The name itself is on the disk after `syncFolder`.
 */
export async function writeWhole(folder: string, name: string, data: Uint8Array | string): Promise<void> {
  const unfinished = join(folder, `${name}.part`);
  try {
    await using file = await open(unfinished, "w");
    await file.writeFile(data);
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await rename(unfinished, join(folder, name));
}

export async function syncFolder(folder: string): Promise<void> {
  await using handle: FileHandle = await open(folder, "r");
  await handle.sync();
}

/** Adds lines to a file and waits until they are on the disk. */
export async function appendSynced(path: string, text: string): Promise<void> {
  await using file = await open(path, "a");
  const { size } = await file.stat();
  try {
    await file.appendFile(text);
    await file.datasync();
  } catch (error) {
    // A full disk may have taken half a line, which would spoil the lines after it.
    await file.truncate(size);
    throw error;
  }
}

export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ENOSPC" || code === "EDQUOT";
}
