import { ConfigError, type ConfigOf, createLogger } from "@canopy/runtime";
import { BroadcastError, type BroadcastErrorCode, runBroadcast } from "../broadcast/index.ts";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "../command-line/command-context.ts";
import type { COMMAND_GROUPS } from "../config/command-groups.ts";

/** Trying again would not help. */
const WRONG_USAGE: ReadonlySet<BroadcastErrorCode> = new Set([
  "bad_target",
  "bad_option",
  "source_unreadable",
  "source_unsupported",
]);

/** Publishes until the process is asked to stop, the duration is over, or the source fails. */
export async function broadcast(
  source: string,
  config: ConfigOf<(typeof COMMAND_GROUPS)["broadcast"]>,
  context: CommandContext,
): Promise<void> {
  const { to, noAudio, ...rest } = config.broadcast;
  if (to === undefined) throw new ConfigError("config-invalid", "--to is needed: where to publish", "--to");
  const logger = createLogger({
    level: config.log.level,
    pretty: config.log.format === "text",
    component: "broadcaster",
  });
  try {
    await runBroadcast({ ...rest, source, to, audio: !noAudio }, { logger, signal: context.signal });
  } catch (error) {
    if (!(error instanceof BroadcastError)) throw error;
    if (!WRONG_USAGE.has(error.code)) throw error;
    throw new CliError("usage", error.message, { cause: error });
  }
}
