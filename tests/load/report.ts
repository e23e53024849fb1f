import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";

export type Row = Readonly<Record<string, string | number>>;

/** Prints the rows as one table and writes them, with the circumstances, to `tests/load/results/<name>.json`. */
export function report(
  name: string,
  rows: readonly Row[],
  circumstances: Readonly<Record<string, unknown>>,
): void {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => columns.map((column) => format(row[column])));
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((line) => line[index]?.length ?? 0)),
  );
  const line = (values: readonly string[]): string =>
    `| ${values.map((value, index) => value.padStart(widths[index] ?? 0)).join(" | ")} |`;
  console.log(`\n${name}`);
  console.log(line(columns));
  console.log(line(widths.map((width) => "-".repeat(width))));
  for (const values of cells) console.log(line(values));

  const folder = join(process.cwd(), "tests", "load", "results");
  mkdirSync(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length, node: process.version };
  const file = join(folder, `${name.replaceAll(" ", "-")}.json`);
  const content = { name, date: new Date().toISOString(), machine, circumstances, rows };
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
  console.log(`written to ${file}`);
}

function format(value: string | number | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? String(value) : value.toFixed(Math.abs(value) < 10 ? 3 : 1);
}
