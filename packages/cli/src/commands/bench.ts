import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nearestName } from "@canopy/runtime";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command-line/command-context.ts";

/** From `packages/cli/dist/commands` to the top of the checkout. */
const CHECKOUT = fileURLToPath(new URL("../../../../", import.meta.url));

/** Builds and runs `tests/load/<name>.ts`; its exit code decides. */
export async function runBenchmark(
  name: string,
  args: readonly string[],
  context: CommandContext,
): Promise<void> {
  const folder = join(CHECKOUT, "tests", "load");
  const script = join(CHECKOUT, "scripts", "bench.mjs");
  if (!existsSync(folder) || !existsSync(script)) {
    throw new CliError("not-available", "benchmarks are part of the source checkout, not of this package");
  }
  if (!existsSync(join(folder, `${name}.ts`))) {
    const names = readdirSync(folder).flatMap((file) => (file.endsWith(".ts") ? [file.slice(0, -3)] : []));
    throw new CliError("usage", `there is no benchmark ${name}; did you mean ${nearestName(name, names)}?`);
  }
  const child = spawn(process.execPath, [script, name, ...args], { cwd: CHECKOUT, stdio: "inherit" });
  const forward = (): boolean => child.kill("SIGTERM");
  context.signal.addEventListener("abort", forward, { once: true });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  context.signal.removeEventListener("abort", forward);
  if (code !== 0 && !context.signal.aborted)
    throw new CliError("node-failed", `the benchmark ${name} failed`);
}
