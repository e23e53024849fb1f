#!/usr/bin/env node
// The entry of every `npm run` command: installs what is missing, builds what is stale, then does the work.
// Plain JavaScript, because it runs before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const stateDir = join(root, ".canopy");
/** Brought by npx, so that nobody has to install it. */
const PNPM = "pnpm@12.21.0";
const [command = "start", ...args] = process.argv.slice(2);

/** Runs a program to its end; ends this process if it fails. Standard output is for the command that is asked for. */
function run(program, programArgs, env = {}) {
  const result = spawnSync(program, programArgs, {
    cwd: root,
    stdio: ["inherit", 2, 2],
    env: { ...process.env, ...env },
  });
  if (result.error) fail(`cannot run ${program}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function fail(message) {
  console.error(`canopy: ${message}`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(
      `Node.js 20.19 or newer is needed, this is ${process.versions.node}. Install a current LTS release.`,
    );
  }
}

function install() {
  const lock = readFileSync(join(root, "pnpm-lock.yaml"));
  const stamp = createHash("sha256").update(lock).update(process.platform).update(process.arch).digest("hex");
  const stampFile = join(stateDir, "installed");
  if (existsSync(join(root, "node_modules")) && existsSync(stampFile)) {
    if (readFileSync(stampFile, "utf8") === stamp) return;
  }
  console.error("canopy: installing dependencies");
  run("npx", ["--yes", PNPM, "install", "--frozen-lockfile", "--reporter=append-only", "--loglevel=error"], {
    CI: "true",
  });
  mkdirSync(stateDir, { recursive: true });
  writeFileSync(stampFile, stamp);
}

function bin(name) {
  return join(root, "node_modules", ".bin", name);
}

function build() {
  run(bin("tsc"), ["-b"]);
  run(process.execPath, [join(root, "scripts", "build-pages.mjs")]);
  run(process.execPath, [join(root, "scripts", "build-command.mjs")]);
}

/** Runs the last program of a command; signals reach it, and its exit code is ours. */
function hand(program, programArgs) {
  const child = spawn(program, programArgs, { cwd: root, stdio: "inherit" });
  // The terminal sends Ctrl-C to the whole group, a supervisor's signal reaches us (or npm, which passes it on) alone.
  // SIGTERM beside the terminal's SIGINT does no harm; a second SIGINT would mean impatience.
  process.on("SIGINT", () => child.kill("SIGTERM"));
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => fail(`cannot run ${program}: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

const cli = join(root, "packages", "cli", "dist", "bin", "canopy.js");

checkNode();
install();
switch (command) {
  case "build":
    build();
    break;
  case "start":
    build();
    hand(process.execPath, [cli, "dev", ...args]);
    break;
  case "canopy":
    build();
    hand(process.execPath, [cli, ...args]);
    break;
  case "bench":
    build();
    hand(process.execPath, [cli, "bench", ...args]);
    break;
  case "check":
    build();
    hand(process.execPath, [join(root, "scripts", "check.mjs"), ...args]);
    break;
  case "test":
    build();
    hand(process.execPath, [join(root, "scripts", "test.mjs"), ...args]);
    break;
  default:
    fail(`unknown command ${command}; use start, test, check, bench, canopy or build`);
}
