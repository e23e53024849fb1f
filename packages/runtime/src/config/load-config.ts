import { ConfigError } from "./config-error.ts";
import { type ConfigGroups, type ConfigOf, ENVIRONMENT_PREFIX, environmentName } from "./config-group.ts";
import { nearestName } from "./nearest-name.ts";
import type { ConfigOption } from "./option.ts";

export interface ConfigSources {
  /** Content of the `--config` file, parsed; wins over defaults. */
  readonly file?: { readonly name: string; readonly content: unknown } | undefined;
  /** Wins over the file. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** By flat option name; wins over everything. */
  readonly flags: Readonly<Record<string, unknown>>;
  /** Environment variables (`CANOPY_…`) that belong to other commands or to the command line itself. */
  readonly otherEnvironment?: Iterable<string>;
}

/**
 * Reads the groups from file < environment < flags and validates every value, wherever it came from.
 * Throws `ConfigError` naming the source of the first wrong value, or the nearest valid name of an unknown one.
 */
export function loadConfig<const G extends ConfigGroups>(groups: G, sources: ConfigSources): ConfigOf<G> {
  const file = readFileGroups(groups, sources.file);
  refuseUnknownEnvironment(groups, sources);
  refuseUnknownFlags(groups, sources.flags);
  const result: Record<string, Record<string, unknown>> = {};
  for (const [groupKey, group] of Object.entries(groups)) {
    const values: Record<string, unknown> = {};
    for (const [key, option] of Object.entries(group.options)) {
      values[key] = readOption(option, `${groupKey}.${key}`, file.get(groupKey)?.[key], sources);
    }
    result[groupKey] = values;
  }
  return result as ConfigOf<G>;
}

function readOption(
  option: ConfigOption<unknown>,
  fileKey: string,
  fileValue: unknown,
  sources: ConfigSources,
): unknown {
  const flag = sources.flags[option.name];
  if (flag !== undefined) return parse(option, flag, `--${option.name}`);
  const variable = environmentName(option.name);
  const fromEnvironment = sources.env[variable];
  if (fromEnvironment !== undefined) return parse(option, fromEnvironment, variable);
  if (fileValue !== undefined)
    return parse(option, fileValue, `${fileKey} in ${sources.file?.name ?? "the file"}`);
  return option.default;
}

function parse(option: ConfigOption<unknown>, raw: unknown, source: string): unknown {
  const parsed = option.parse(raw);
  if ("problem" in parsed) throw new ConfigError("config-invalid", `${source} ${parsed.problem}`, source);
  return parsed.value;
}

function readFileGroups(
  groups: ConfigGroups,
  file: ConfigSources["file"],
): Map<string, Record<string, unknown>> {
  const result = new Map<string, Record<string, unknown>>();
  if (file === undefined) return result;
  for (const [groupKey, values] of Object.entries(asObject(file.content, file.name))) {
    const group = Object.hasOwn(groups, groupKey) ? groups[groupKey] : undefined;
    if (group === undefined) throw unknownName(groupKey, Object.keys(groups), `in ${file.name}`);
    const object = asObject(values, `${groupKey} in ${file.name}`);
    for (const key of Object.keys(object)) {
      if (Object.hasOwn(group.options, key)) continue;
      const valid = Object.keys(group.options).map((name) => `${groupKey}.${name}`);
      throw unknownName(`${groupKey}.${key}`, valid, `in ${file.name}`);
    }
    result.set(groupKey, object);
  }
  return result;
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ConfigError("config-invalid", `${what} must be a JSON object`, what);
}

function refuseUnknownEnvironment(groups: ConfigGroups, sources: ConfigSources): void {
  const own = optionNames(groups).map(environmentName);
  const known = new Set([...own, ...(sources.otherEnvironment ?? [])]);
  for (const variable of Object.keys(sources.env)) {
    if (variable.startsWith(ENVIRONMENT_PREFIX) && !known.has(variable)) {
      throw unknownName(variable, known, "in the environment");
    }
  }
}

function refuseUnknownFlags(groups: ConfigGroups, flags: ConfigSources["flags"]): void {
  const known = optionNames(groups);
  for (const name of Object.keys(flags)) {
    if (!known.includes(name)) {
      throw unknownName(
        `--${name}`,
        known.map((option) => `--${option}`),
        "on the command line",
      );
    }
  }
}

function optionNames(groups: ConfigGroups): string[] {
  return Object.values(groups).flatMap((group) => Object.values(group.options).map((option) => option.name));
}

/** The error for a name nobody knows; `where` ends the first half of the sentence. */
export function unknownName(name: string, valid: Iterable<string>, where: string): ConfigError {
  const nearest = nearestName(name, valid);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return new ConfigError("config-unknown-key", `unknown ${name} ${where}${hint}`, name);
}
