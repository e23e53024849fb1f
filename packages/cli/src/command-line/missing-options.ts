/** Options that one may expect of a command that has none of the kind, and why it has not. */
const MISSING_OPTIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  origin: {
    "--workers":
      "an origin is one process, because a broadcast lives in one; run several origins, and put relays and edges with --workers below them",
  },
};

/** What to do instead; undefined if there is nothing to say about this option of this command. */
export function explainMissingOption(command: string, option: string): string | undefined {
  return MISSING_OPTIONS[command]?.[option];
}
