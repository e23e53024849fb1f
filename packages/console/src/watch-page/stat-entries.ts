/** Objects inside each other up to this depth are shown. */
const MAX_DEPTH = 3;
const MAX_ENTRIES = 60;
/** Longer lists are logs, not figures. */
const MAX_LIST = 8;

/** Flattens the player's statistics to name and text: whatever the player reports is shown. */
export function statEntries(stats: unknown): readonly (readonly [string, string])[] {
  const entries: (readonly [string, string])[] = [];
  collect(stats, "", 0, entries);
  return entries.slice(0, MAX_ENTRIES);
}

function collect(value: unknown, name: string, depth: number, entries: (readonly [string, string])[]): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (depth >= MAX_DEPTH) return;
    for (const [key, inner] of Object.entries(value))
      collect(inner, name === "" ? key : `${name} ${key}`, depth + 1, entries);
    return;
  }
  if (name === "" || value === undefined || value === null || typeof value === "function") return;
  if (Array.isArray(value) && value.length > MAX_LIST) return;
  entries.push([
    readable(name),
    typeof value === "number" ? figure(value) : Array.isArray(value) ? value.join(", ") : String(value),
  ]);
}

/** "decodedFrames" reads as "decoded frames", "rttMs" as "rtt ms". */
function readable(name: string): string {
  return name.replaceAll(
    /([a-z])([A-Z])/g,
    (_, before: string, after: string) => `${before} ${after.toLowerCase()}`,
  );
}

function figure(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString("en") : value.toFixed(2);
}
