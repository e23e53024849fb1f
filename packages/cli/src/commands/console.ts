import { ConfigError, type ConfigOf, createClock, createLogger, createMetrics } from "@canopy/runtime";
import type { CommandContext } from "../command-line/command-context.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";
import { type DevInfo, openConsoleServer } from "../dev/console-server.ts";
import { untilAborted } from "../node/until-aborted.ts";

/** Serves the pages for nodes that run elsewhere, until it is asked to stop. The pages ask the nodes, this does not. */
export async function runConsole(
  config: ConfigOf<(typeof COMMAND_GROUPS)["console"]>,
  context: CommandContext,
): Promise<void> {
  const { host, port, origin, relays, edges, rtmp } = config.console;
  const logger = createLogger({
    level: config.log.level,
    pretty: config.log.format === "text",
    component: "console",
  });
  const info: DevInfo = {
    console: "",
    origin: checkUrl(origin, "--origin", "http:", "https:"),
    relays: relays.map((url) => checkUrl(url, "--relay", "http:", "https:")),
    edges: edges.map((url) => checkUrl(url, "--edge", "http:", "https:")),
    rtmp: checkUrl(rtmp, "--rtmp", "rtmp:", "rtmps:"),
    broadcast: null,
    processes: [],
  };
  const deps = { logger, metrics: createMetrics(), clock: createClock(), info: () => info };
  await using server = await openConsoleServer({ host, port }, deps);
  logger.info({ host, port: server.port }, "the console listens");
  await untilAborted(context.signal);
}

function checkUrl(url: string, flag: string, ...protocols: readonly string[]): string {
  if (URL.canParse(url) && protocols.includes(new URL(url).protocol)) return url;
  const wanted = protocols.map((protocol) => `${protocol}//`).join(" or ");
  throw new ConfigError("config-invalid", `${flag} must be a URL with ${wanted}, not ${url}`, flag);
}
