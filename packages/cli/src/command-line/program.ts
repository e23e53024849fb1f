import { Command } from "commander";
import { COMMAND_GROUPS } from "../config/command-groups.ts";
import type { CommandContext } from "./command-context.ts";
import { addGroupOptions, readConfig } from "./command-options.ts";
import { packageVersion } from "./package-version.ts";

/** Builds the `canopy` command; each subcommand loads its code when it is run. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("canopy")
    .description("Live streaming relay network: RTMP or MoQ in, a tree of relays, WebTransport out.")
    .version(packageVersion(), "-V, --version", "Prints the version.")
    .helpOption("-h, --help", "Prints this help.")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: context.writeOut, writeErr: () => {} })
    .showSuggestionAfterError(false)
    .enablePositionalOptions();

  add(
    program,
    "dev",
    "Starts a whole tree on this machine: origin, relay, edges, web console, test picture.",
  ).action(async (_options: unknown, command: Command) => {
    const config = await readConfig(command, COMMAND_GROUPS.dev, context.env);
    const { runDev } = await import("../commands/dev.ts");
    await runDev(config.dev, context);
  });
  add(program, "origin", "Starts an origin: publishers arrive here.").action(
    async (_options: unknown, command: Command) => {
      const config = await readConfig(command, COMMAND_GROUPS.origin, context.env);
      const { runOrigin } = await import("../commands/origin.ts");
      await runOrigin(config, context);
    },
  );
  add(
    program,
    "edge",
    "Starts an edge, where viewers arrive, or with --tier 1 a relay between origin and edges.",
  ).action(async (_options: unknown, command: Command) => {
    const config = await readConfig(command, COMMAND_GROUPS.edge, context.env);
    const { runEdge } = await import("../commands/edge.ts");
    await runEdge(config, context);
  });
  add(program, "console", "Serves the web console and the pages for nodes that run elsewhere.").action(
    async (_options: unknown, command: Command) => {
      const config = await readConfig(command, COMMAND_GROUPS.console, context.env);
      const { runConsole } = await import("../commands/console.ts");
      await runConsole(config, context);
    },
  );
  add(program, "broadcast", "Publishes a test picture or a file.")
    .argument("[source]", 'media file, or "test" for the test picture', "test")
    .action(async (source: string, _options: unknown, command: Command) => {
      const config = await readConfig(command, COMMAND_GROUPS.broadcast, context.env);
      const { broadcast } = await import("../commands/broadcast.ts");
      await broadcast(source, config, context);
    });
  add(program, "token", "Prints a token that grants publishing or watching.").action(
    async (_options: unknown, command: Command) => {
      const config = await readConfig(command, COMMAND_GROUPS.token, context.env);
      const { printToken } = await import("../commands/token.ts");
      await printToken(config.token, context);
    },
  );
  add(program, "bench", "Runs a benchmark of tests/load.")
    .argument("<name>", "file name in tests/load, without ending")
    .argument("[arguments...]", "handed to the benchmark")
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (name: string, args: string[]) => {
      const { runBenchmark } = await import("../commands/bench.ts");
      await runBenchmark(name, args, context);
    });
  return program;
}

function add(program: Command, name: keyof typeof COMMAND_GROUPS, description: string): Command {
  const command = program.command(name).description(description);
  command.helpOption("-h, --help", "Prints this help.").allowExcessArguments(false);
  addGroupOptions(command, COMMAND_GROUPS[name]);
  return command;
}
