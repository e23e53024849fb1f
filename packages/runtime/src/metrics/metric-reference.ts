import type { MetricSpec } from "./metric-catalog.ts";

/** The reference of metrics as a markdown table. */
export function metricReference(metrics: Readonly<Record<string, MetricSpec>>): string {
  const rows = Object.entries(metrics).map(([name, spec]) => {
    const label =
      spec.label === undefined
        ? ""
        : `\`${spec.label.name}\`: ${spec.label.values.map((value) => `\`${value}\``).join(", ")}`;
    return `| \`${name}\` | ${spec.type} | ${label} | ${spec.help} |`;
  });
  return ["| name | type | label | meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}
