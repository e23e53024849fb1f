import {
  createClock,
  createLogger,
  createMetrics,
  type GroupValues,
  Lifetime,
  type Logger,
} from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { devGroup } from "../config/dev-group.ts";
import { type DevInfo, openConsoleServer } from "../dev/console-server.ts";
import { DevSupervisor } from "../dev/dev-supervisor.ts";
import { createDevTokens, type DevTokens } from "../dev/dev-tokens.ts";
import { DEMO_BROADCAST, type DevNode, devTree, httpUrl, nodeEnvironment, rtmpUrl } from "../dev/dev-tree.ts";
import { checkPortsAreFree, type DevPorts, planPorts } from "../dev/port-plan.ts";
import { untilAborted } from "../node/until-aborted.ts";
import { waitUntilUp } from "../supervise/wait-until-up.ts";

/** A cold start of all processes on a loaded machine of two cores stays well under this. */
const START_TIMEOUT_MS = 60_000;
/** All processes stop one after another, each within its own deadline. */
const STOP_TIMEOUT_MS = 12_000;

/** Runs the whole tree until it is asked to stop. */
export async function runDev(config: GroupValues<typeof devGroup>, context: CommandContext): Promise<void> {
  const ports = planPorts(config);
  await checkPortsAreFree(ports);
  const logger = createLogger({ level: config.logLevel, pretty: true, component: "dev" });
  await using lifetime = new Lifetime({ logger });
  const { tokenKey: keyPath } = config;
  const access = keyPath === undefined ? undefined : { keyPath, tokens: await createDevTokens(keyPath) };
  const tree = devTree({ ports, logLevel: config.logLevel, broadcaster: !config.noBroadcaster, access });

  const supervisor = new DevSupervisor(tree, {
    script: context.script,
    report: (message) => context.writeErr(`canopy: ${message}\n`),
    env: nodeEnvironment(context.env),
  });
  const broadcast = config.noBroadcaster ? null : DEMO_BROADCAST;
  const info = (): DevInfo => describe(ports, broadcast, supervisor);
  lifetime.own("console", await openConsole(ports.console, logger, info));
  lifetime.own("processes", supervisor, STOP_TIMEOUT_MS);
  context.writeOut(`canopy: starting ${tree.map(({ name }) => name).join(", ")}\n`);
  const ending = AbortSignal.any([context.signal, supervisor.failed]);
  try {
    await startTree(tree, { broadcast, token: access?.tokens.viewer }, supervisor, ending);
  } catch (error) {
    supervisor.failed.throwIfAborted();
    // Ctrl-C before everything was up is a clean stop.
    if (context.signal.aborted) return;
    throw error;
  }
  context.writeOut(`${describeUrls(info(), access?.tokens)}canopy: ready\n`);
  await untilAborted(ending);
  supervisor.failed.throwIfAborted();
}

function openConsole(port: number, logger: Logger, info: () => DevInfo) {
  return openConsoleServer(
    { port },
    { logger: logger.child("console"), metrics: createMetrics(), clock: createClock(), info },
  );
}

/** All nodes at once: they load their code beside each other, and one whose parent is not there yet asks again soon. */
async function startTree(
  tree: readonly DevNode[],
  { broadcast, token }: { readonly broadcast: string | null; readonly token: string | undefined },
  supervisor: DevSupervisor,
  signal: AbortSignal,
): Promise<void> {
  const options = (what: string) => ({ what, timeoutMs: START_TIMEOUT_MS, signal });
  const isUp = ({ name, url }: DevNode) => waitUntilUp(`${url}/readyz`, isOk, options(name));
  const nodes = tree.filter(({ role }) => role !== "broadcaster");
  for (const node of nodes) supervisor.start(node);
  await Promise.all(nodes.filter(({ role }) => role === "origin").map(isUp));
  // Encoding its first pictures takes a while: time in which the other nodes become ready.
  for (const node of tree) if (node.role === "broadcaster") supervisor.start(node);
  await Promise.all(nodes.map(isUp));
  if (broadcast === null) return;
  const isAnnounced = (status: number, body: string) => isOk(status) && body.split("\n").includes(broadcast);
  const edges = tree.filter(({ role }) => role === "edge");
  const announced = `/announced${token === undefined ? "" : `?jwt=${token}`}`;
  await Promise.all(
    edges.map(({ name, url }) =>
      waitUntilUp(`${url}${announced}`, isAnnounced, options(`${broadcast} at ${name}`)),
    ),
  );
}

function isOk(status: number): boolean {
  return status === 200;
}

function describe(ports: DevPorts, broadcast: string | null, supervisor: DevSupervisor): DevInfo {
  return {
    console: httpUrl(ports.console),
    origin: httpUrl(ports.origin),
    relays: [httpUrl(ports.relay)],
    edges: ports.edges.map(httpUrl),
    rtmp: rtmpUrl(ports.rtmp),
    broadcast,
    processes: supervisor.processes.map(({ name, pid, restarts }) => ({ name, pid: pid ?? null, restarts })),
  };
}

function describeUrls(info: DevInfo, tokens: DevTokens | undefined): string {
  const tokened = (url: string, token: string | undefined, mark: string): string =>
    token === undefined ? url : `${url}${mark}jwt=${token}`;
  const rows: [string, string][] = [["console", tokened(`${info.console}/`, tokens?.operator, "#")]];
  if (info.broadcast !== null)
    rows.push(["watch", tokened(`${info.console}/watch?broadcast=${info.broadcast}`, tokens?.viewer, "&")]);
  rows.push(
    ["publish", `${tokened(`${info.rtmp}/live/<name>`, tokens?.publisher, "?")}   (RTMP: OBS, ffmpeg)`],
    ["", `${tokened(`${info.console}/publish`, tokens?.publisher, "?")}   (browser)`],
  );
  rows.push(["origin", info.origin]);
  for (const relay of info.relays) rows.push(["relay", relay]);
  for (const [index, edge] of info.edges.entries()) rows.push([`edge ${index + 1}`, edge]);
  return rows.map(([name, url]) => `  ${name.padEnd(8)} ${url}\n`).join("");
}
