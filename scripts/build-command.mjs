// Bundles the `canopy` command into packages/cli/dist/bin, unless nothing it is made of has changed since the last
// build: a node that was killed is back when its code is loaded, and of a thousand small files that takes twice as long.
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { filesBelow, hashFiles, root } from "./build-stamp.mjs";

const stampFile = join(root, ".canopy", "command");
const outDir = join(root, "packages", "cli", "dist", "bin");
const command = join(outDir, "canopy.js");
/** Where it is built, so that there is never a half of it where it is run. */
const nextDir = join(root, ".canopy", "command.next");
const packages = ["cli", "edge", "media", "origin", "protocol", "relay", "runtime", "transport"];

/** With native parts, or with files that they look for beside them: they stay where they are installed. */
const NOT_BUNDLED = [
  "@fails-components/webtransport",
  "@matrixai/quic",
  "node-av",
  "node-datachannel",
  "node-media-server",
];

const isCode = (path, isFolder) =>
  isFolder ? path !== outDir : path.endsWith(".js") && !path.endsWith(".test.js");

const stamp = hashFiles([
  ...packages.flatMap((name) => filesBelow(join(root, "packages", name, "dist"), isCode)),
  ...packages.map((name) => join(root, "packages", name, "package.json")),
  join(root, "pnpm-lock.yaml"),
  fileURLToPath(import.meta.url),
]);
if (!existsSync(command) || !existsSync(stampFile) || readFileSync(stampFile, "utf8") !== stamp) {
  rmSync(stampFile, { force: true });
  await build({
    configFile: false,
    root: join(root, "packages", "cli"),
    logLevel: "warn",
    ssr: { noExternal: true },
    build: {
      ssr: join(root, "packages", "cli", "dist", "main.js"),
      outDir: nextDir,
      emptyOutDir: true,
      copyPublicDir: false,
      target: "node20",
      minify: false,
      rollupOptions: {
        external: (id) => NOT_BUNDLED.some((name) => id === name || id.startsWith(`${name}/`)),
        output: { entryFileNames: "canopy.js", chunkFileNames: "[name].js" },
      },
    },
  });
  rmSync(outDir, { recursive: true, force: true });
  renameSync(nextDir, outDir);
  writeFileSync(stampFile, stamp);
}
