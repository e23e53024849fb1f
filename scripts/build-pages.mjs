// Builds the web console and its pages, unless nothing they are made of has changed since the last build.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stampFile = join(root, ".canopy", "pages");
const consoleDir = join(root, "packages", "console");
const pages = [
  "index.html",
  "watch/index.html",
  "publish/index.html",
  "replay/index.html",
  "examples/index.html",
];

/** Everything that ends up in the pages, and what decides how: sources, pages, settings, versions. */
const inputs = [
  ...["console", "player", "media", "protocol", "transport"].flatMap((name) =>
    filesBelow(join(root, "packages", name, "src")),
  ),
  ...filesBelow(join(consoleDir, "public")),
  ...pages.map((page) => join(consoleDir, page)),
  join(consoleDir, "vite.config.ts"),
  join(root, "pnpm-lock.yaml"),
].sort();

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.name.endsWith(".test.ts") ? [] : [path];
  });
}

function hashInputs() {
  const hash = createHash("sha256");
  for (const path of inputs)
    hash.update(relative(root, path)).update("\0").update(readFileSync(path)).update("\0");
  return hash.digest("hex");
}

const stamp = hashInputs();
const built = pages.every((page) => existsSync(join(consoleDir, "dist", page)));
if (!built || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
  await build({ configFile: join(consoleDir, "vite.config.ts"), logLevel: "warn" });
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}
