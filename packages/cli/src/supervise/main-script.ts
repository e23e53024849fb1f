/** The command that supervised processes run: this one. */
export function mainScript(): string {
  return process.argv[1] ?? "";
}
