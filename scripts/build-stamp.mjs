// What a build is made of, as one hash: nothing is built again of which nothing has changed.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/** Files of a folder and of those in it; `isWanted` is asked for folders (to go into) and files. */
export function filesBelow(folder, isWanted) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!isWanted(path, entry.isDirectory())) return [];
    return entry.isDirectory() ? filesBelow(path, isWanted) : [path];
  });
}

/** Of names and contents. */
export function hashFiles(paths) {
  const hash = createHash("sha256");
  for (const path of [...paths].sort())
    hash.update(relative(root, path)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}
