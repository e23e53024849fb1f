import type { CanopyDev } from "./canopy-dev.ts";
import { waitFor } from "./wait-for.ts";

interface DevProcess {
  readonly name: string;
  readonly pid: number | null;
  readonly restarts: number;
}

/** What `canopy dev` says about one of its processes, such as `relay` or `edge-1`. */
export async function devProcess(dev: CanopyDev, name: string): Promise<DevProcess> {
  const response = await fetch(`${dev.console}/v1/dev`);
  const { processes } = (await response.json()) as { processes: readonly DevProcess[] };
  const found = processes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`canopy dev runs no ${name}`);
  return found;
}

/** Ends a process of the tree as a crash would (SIGKILL). Returns when, ms since the Unix epoch. */
export async function killNode(dev: CanopyDev, name: string): Promise<number> {
  const { pid } = await devProcess(dev, name);
  if (pid === null) throw new Error(`${name} is not running`);
  process.kill(pid, "SIGKILL");
  return Date.now();
}

/** Waits until the supervisor has started the process again and the node answers. */
export async function waitForRestart(
  dev: CanopyDev,
  name: string,
  restarts: number,
  url: string,
): Promise<void> {
  await waitFor(
    `${name} to be started again`,
    async () => (await devProcess(dev, name)).restarts >= restarts,
  );
  await waitFor(`${name} to be ready`, async () => (await fetch(`${url}/readyz`)).ok);
}
