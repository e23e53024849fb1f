import { readFile } from "node:fs/promises";
import {
  ConfigError,
  type ConfigGroups,
  type ConfigOf,
  type ConfigOption,
  environmentName,
  loadConfig,
} from "@canopy/runtime";
import { type Command, Option } from "commander";
import { COMMAND_GROUPS } from "../config/command-groups.ts";

const CONFIG_FLAG = "config";
/** Variables that belong to the repository's own scripts and tests. */
const SCRIPT_ENVIRONMENT = /^CANOPY_TEST_/;

/** Gives the command one flag per setting, and `--config`. */
export function addGroupOptions(command: Command, groups: ConfigGroups): void {
  for (const option of groupOptions(groups)) command.addOption(toCommanderOption(option));
  if (groupOptions(groups).length > 0) {
    command.option(`--${CONFIG_FLAG} <file>`, "JSON file with settings, read before environment and flags.");
  }
}

/** Reads the command's settings from `--config`, environment and flags. */
export async function readConfig<const G extends ConfigGroups>(
  command: Command,
  groups: G,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConfigOf<G>> {
  const flags: Record<string, unknown> = {};
  for (const option of command.options) {
    if (command.getOptionValueSource(option.attributeName()) !== "cli") continue;
    const value: unknown = command.getOptionValue(option.attributeName());
    flags[optionName(option)] = option.negate ? value === false : value;
  }
  const { [CONFIG_FLAG]: fileFlag, ...groupFlags } = flags;
  const fileName = fileFlag ?? env[environmentName(CONFIG_FLAG)];
  const usable = Object.fromEntries(Object.entries(env).filter(([name]) => !SCRIPT_ENVIRONMENT.test(name)));
  return loadConfig(groups, {
    file: typeof fileName === "string" ? { name: fileName, content: await readJson(fileName) } : undefined,
    env: usable,
    flags: groupFlags,
    otherEnvironment: allEnvironmentNames(),
  });
}

function groupOptions(groups: ConfigGroups): ConfigOption<unknown>[] {
  return Object.values(groups).flatMap((group) => Object.values(group.options));
}

function toCommanderOption(option: ConfigOption<unknown>): Option {
  const unit = option.unit === undefined ? "" : ` [${option.unit}]`;
  const made = new Option(
    option.isSwitch ? `--${option.name}` : `--${option.name} <value>`,
    `${option.description.replaceAll("`", "")}${unit}${defaultText(option)}`,
  );
  if (option.isList) {
    made.argParser<string[]>((value, previous) => [...(Array.isArray(previous) ? previous : []), value]);
  }
  return made;
}

function defaultText(option: ConfigOption<unknown>): string {
  const value = option.default;
  if (value === undefined || value === false || Array.isArray(value)) return "";
  return ` (default ${String(value)})`;
}

/** The flat name: commander stores `--no-x` as `x` that is negated. */
function optionName(option: Option): string {
  return (option.long ?? "").replace(/^--/, "");
}

function allEnvironmentNames(): Set<string> {
  const names = Object.values(COMMAND_GROUPS as Readonly<Record<string, ConfigGroups>>)
    .flatMap(groupOptions)
    .map((option) => environmentName(option.name));
  return new Set([...names, environmentName(CONFIG_FLAG)]);
}

async function readJson(fileName: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(fileName, "utf8"));
  } catch (error) {
    const reason = error instanceof SyntaxError ? "is not JSON" : "cannot be read";
    const failure = new ConfigError("config-invalid", `${fileName} ${reason}`, fileName);
    failure.cause = error;
    throw failure;
  }
}
