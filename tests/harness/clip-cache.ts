import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./repository-root.ts";

const FOLDER = join(ROOT, ".canopy", "clips");

/** Path of a file that is made once and kept. `make` writes it where it is told. */
export function cachedClip(name: string, make: (path: string) => void): string {
  const path = join(FOLDER, name);
  if (existsSync(path)) return path;
  mkdirSync(FOLDER, { recursive: true });
  // Tests run beside each other: each of them writes a file of its own, and it is there whole or not at all.
  const unfinished = join(FOLDER, `unfinished-${process.pid}-${name}`);
  make(unfinished);
  renameSync(unfinished, path);
  return path;
}
