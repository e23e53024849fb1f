import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the checkout, wherever the code that asks was bundled to. */
function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "pnpm-workspace.yaml"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error("this is not a checkout of Canopy: no pnpm-workspace.yaml above");
    folder = parent;
  }
  return folder;
}

export const ROOT = findRoot();
