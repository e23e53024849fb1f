import { join } from "node:path";
import { type StartedProcess, startProcess } from "./child-process.ts";
import { findFreePorts } from "./free-ports.ts";
import { ROOT } from "./repository-root.ts";

export const CANOPY_COMMAND = join(ROOT, "packages", "cli", "dist", "bin", "canopy.js");

/** Ports of one tree: console, origin, RTMP, relay, then the edges. */
const FIXED_PORTS = 4;
const READY_DEADLINE_MS = 90_000;

export interface CanopyDev extends AsyncDisposable {
  readonly process: StartedProcess;
  readonly console: string;
  readonly origin: string;
  readonly relay: string;
  readonly edges: readonly string[];
  /** Such as `rtmp://127.0.0.1:21003`, without a path. */
  readonly rtmp: string;
  stop(): Promise<number | null>;
}

export interface CanopyDevOptions {
  readonly edges?: number;
  readonly broadcaster?: boolean;
  /** Starts a publisher while the tree comes up, as the built-in one does; it is stopped before the tree. */
  readonly publish?: (rtmp: string) => StartedProcess;
  readonly args?: readonly string[];
}

/** Runs `canopy dev` on free ports and waits for `canopy: ready`. */
export async function startCanopyDev(options: CanopyDevOptions = {}): Promise<CanopyDev> {
  const edges = options.edges ?? 2;
  const first = await findFreePorts(FIXED_PORTS + edges);
  const [consolePort, originPort, rtmpPort, relayPort, edgePort] = [
    first,
    first + 1,
    first + 2,
    first + 3,
    first + 4,
  ];
  const args = ["dev", "--port", String(consolePort), "--origin-port", String(originPort)];
  args.push(
    "--rtmp-port",
    String(rtmpPort),
    "--relay-port",
    String(relayPort),
    "--edge-port",
    String(edgePort),
  );
  args.push("--edges", String(edges), ...(options.broadcaster === true ? [] : ["--no-broadcaster"]));
  args.push(...(options.args ?? []));
  const http = (port: number): string => `http://127.0.0.1:${port}`;
  const rtmp = `rtmp://127.0.0.1:${rtmpPort}`;
  const started = startProcess(process.execPath, [CANOPY_COMMAND, ...args]);
  const publisher = options.publish?.(rtmp);
  const stop = async (): Promise<number | null> => {
    await publisher?.stop();
    return started.stop();
  };
  try {
    await started.printed(/^canopy: ready$/m, READY_DEADLINE_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    process: started,
    console: http(consolePort),
    origin: http(originPort),
    relay: http(relayPort),
    edges: Array.from({ length: edges }, (_, index) => http(edgePort + index)),
    rtmp,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}
