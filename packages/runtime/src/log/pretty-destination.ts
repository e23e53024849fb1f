import type { LogDestination } from "./log-destination.ts";

/** Turns pino's JSON lines into `12:00:00.123 info component message key=value`. */
export function createPrettyDestination(target: LogDestination): LogDestination {
  return {
    write(line) {
      target.write(formatPretty(line));
    },
  };
}

function formatPretty(line: string): string {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return line;
  }
  if (typeof record !== "object" || record === null) return line;
  const { time, level, component, msg, ...fields } = record as Record<string, unknown>;
  const clock = typeof time === "string" ? time.slice(11, 23) : "";
  const parts = [clock, String(level).padEnd(5), component, msg].filter((part) => part !== undefined);
  for (const [key, value] of Object.entries(fields)) parts.push(`${key}=${formatValue(value)}`);
  return `${parts.join(" ")}\n`;
}

function formatValue(value: unknown): string {
  if (typeof value === "string") return /[\s"]/.test(value) ? JSON.stringify(value) : value;
  if (typeof value === "object" && value !== null && "message" in value) {
    const { type, message } = value as { type?: unknown; message?: unknown };
    return JSON.stringify(`${type === undefined ? "" : `${String(type)}: `}${String(message)}`);
  }
  return JSON.stringify(value);
}
