import { EXIT_CLEAN, EXIT_USAGE, exitCodeOf, nearestName, RuntimeError } from "@canopy/runtime";
import { type Command, CommanderError } from "commander";
import { CliError } from "../cli-error.ts";
import type { CommandContext } from "./command-context.ts";
import { explainMissingOption } from "./missing-options.ts";
import { createProgram } from "./program.ts";

/** Runs one command to its end and returns the exit code: 0 clean, 1 failed while running, 2 wrong usage. */
export async function runCli(
  args: readonly string[],
  context: Omit<CommandContext, "args">,
): Promise<number> {
  const program = createProgram({ ...context, args });
  if (args.length === 0) {
    context.writeErr(program.helpInformation());
    return EXIT_USAGE;
  }
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXIT_CLEAN;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CLEAN;
      context.writeErr(`canopy: ${explainUsage(error, program, args)}\n`);
      return EXIT_USAGE;
    }
    context.writeErr(`canopy: ${explain(error)}\n`);
    if (error instanceof CliError) return error.code === "usage" ? EXIT_USAGE : 1;
    return exitCodeOf(error);
  }
}

function explainUsage(error: CommanderError, program: Command, args: readonly string[]): string {
  const message = error.message.replace(/^error: /, "");
  const command = program.commands.find((candidate) => candidate.name() === args[0]);
  const help = command === undefined ? "See canopy --help" : `See canopy ${command.name()} --help`;
  if (error.code === "commander.unknownCommand" || (command === undefined && !args[0]?.startsWith("-"))) {
    const names = program.commands.map((candidate) => candidate.name());
    return `unknown command ${args[0]}; did you mean ${nearestName(args[0] ?? "", names)}? See canopy --help`;
  }
  if (error.code === "commander.unknownOption") {
    const known = [...(command ?? program).options, ...program.options].flatMap(
      (option) => option.long ?? [],
    );
    known.push("--help");
    const unknown = args
      .map((arg) => arg.split("=")[0] ?? "")
      .find((arg) => arg.startsWith("-") && !known.includes(arg));
    const missing = unknown === undefined ? undefined : explainMissingOption(args[0] ?? "", unknown);
    if (missing !== undefined) return `${args[0]} has no option ${unknown}: ${missing}`;
    if (unknown !== undefined) {
      return `unknown option ${unknown}; did you mean ${nearestName(unknown, known)}? ${help}`;
    }
  }
  return `${message.replace(/\.$/, "")}. ${help}`;
}

/** Errors that were foreseen have a message for people; others are shown with where they came from. */
function explain(error: unknown): string {
  if (error instanceof CliError || error instanceof RuntimeError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
