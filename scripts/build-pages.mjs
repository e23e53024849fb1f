// Builds the web console and its pages, unless nothing they are made of has changed since the last build.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { build } from "vite";
import { filesBelow, hashFiles, root } from "./build-stamp.mjs";

const stampFile = join(root, ".canopy", "pages");
const consoleDir = join(root, "packages", "console");
const pages = [
  "index.html",
  "watch/index.html",
  "publish/index.html",
  "replay/index.html",
  "examples/index.html",
];

const isSource = (path) => !path.endsWith(".test.ts");

/** Everything that ends up in the pages, and what decides how: sources, pages, settings, versions. */
const inputs = [
  ...["console", "player", "media", "protocol", "transport"].flatMap((name) =>
    filesBelow(join(root, "packages", name, "src"), isSource),
  ),
  ...filesBelow(join(consoleDir, "public"), isSource),
  ...pages.map((page) => join(consoleDir, page)),
  join(consoleDir, "vite.config.ts"),
  join(root, "pnpm-lock.yaml"),
];

const stamp = hashFiles(inputs);
const built = pages.every((page) => existsSync(join(consoleDir, "dist", page)));
if (!built || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
  await build({ configFile: join(consoleDir, "vite.config.ts"), logLevel: "warn" });
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
}
