import { COMMAND_GROUPS } from "@canopy/cli";
import { type ConfigGroups, environmentName, loadConfig } from "@canopy/runtime";

/** The settings that a node would read from this environment: throws for unknown names and for wrong values. */
export function readSettings(
  command: string | undefined,
  environment: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  if (command === undefined || !(command in COMMAND_GROUPS)) throw new Error(`there is no canopy ${command}`);
  const groups: ConfigGroups = COMMAND_GROUPS[command as keyof typeof COMMAND_GROUPS];
  const nested = loadConfig(groups, { env: environment, flags: {} }) as Record<
    string,
    Record<string, unknown>
  >;
  const settings: Record<string, unknown> = {};
  for (const [groupKey, group] of Object.entries(groups)) {
    for (const [key, option] of Object.entries(group.options)) {
      settings[environmentName(option.name)] = nested[groupKey]?.[key];
    }
  }
  return settings;
}
