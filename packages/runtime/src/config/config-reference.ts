import { type ConfigGroups, environmentName } from "./config-group.ts";
import type { ConfigOption } from "./option.ts";

/** The reference of one command's settings as markdown tables, one section per group. */
export function configReference(groups: ConfigGroups): string {
  const sections = Object.entries(groups).map(([groupKey, group]) => {
    const rows = Object.entries(group.options).map(([key, option]) => row(groupKey, key, option));
    return [
      `### \`${groupKey}\``,
      "",
      group.description,
      "",
      "| flag | environment | file | type | default | meaning |",
      "|---|---|---|---|---|---|",
      ...rows,
    ].join("\n");
  });
  return `${sections.join("\n\n")}\n`;
}

function row(groupKey: string, key: string, option: ConfigOption<unknown>): string {
  const unit = option.unit === undefined ? "" : ` ${option.unit}`;
  const cells = [
    `\`--${option.name}\``,
    `\`${environmentName(option.name)}\``,
    `\`${groupKey}.${key}\``,
    option.typeName,
    `${defaultText(option)}${option.default === undefined ? "" : unit}`,
    option.description,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function defaultText(option: ConfigOption<unknown>): string {
  const value = option.default;
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return `\`${Array.isArray(value) ? value.join(",") : String(value)}\``;
}
