export { CliError, type CliErrorCode } from "./cli-error.ts";
export type { CommandContext } from "./command-line/command-context.ts";
export { runCli } from "./command-line/run-cli.ts";
export { COMMAND_GROUPS } from "./config/command-groups.ts";
