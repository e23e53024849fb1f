#!/usr/bin/env node
import { fileURLToPath } from "node:url";
import { listenForStop } from "./command-line/listen-for-stop.ts";
import { runCli } from "./command-line/run-cli.ts";

const signal = listenForStop(process);
const code = await runCli(process.argv.slice(2), {
  script: fileURLToPath(import.meta.url),
  env: process.env,
  writeOut: (text) => process.stdout.write(text),
  writeErr: (text) => process.stderr.write(text),
  signal,
  onReload: (listener) => {
    process.on("SIGHUP", listener);
    return () => process.off("SIGHUP", listener);
  },
});
// Everything is closed by now; a timer or socket that a library keeps must not hold the process.
process.exit(code);
