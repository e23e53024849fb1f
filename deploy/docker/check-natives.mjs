// Run in an image's build: loads the native parts of the nodes, so that an image of a platform for which one of them
// has no binary is never made. Without this it would start and fail at the first connection.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const app = join(dirname(fileURLToPath(import.meta.url)), "..");
/** The bundle of the command loads them: they are found from its package. */
const cwd = app;

let failed = false;
for (const name of ["@matrixai/quic/native/quiche.js", "node-datachannel"]) {
  const args = ["--input-type=module", "--eval", `await import(${JSON.stringify(name)})`];
  const { status } = spawnSync(process.execPath, args, { cwd, stdio: "inherit" });
  const platform = `${process.platform}-${process.arch}`;
  console.log(`${name} ${status === 0 ? "loads" : "does not load"} on ${platform}`);
  failed ||= status !== 0;
}
if (failed) process.exit(1);
