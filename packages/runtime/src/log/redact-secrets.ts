import type { LogDestination } from "./log-destination.ts";

/**
 * What secrets look like wherever they stand in a line. Nobody logs one on purpose; this is for the texts of errors,
 * in which libraries quote URLs.
 */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  // A JWT: header and payload are base64url of JSON objects.
  [/\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g, "[token]"],
  [/([?&]jwt=)[^&\s"'<>\\]+/gi, "$1[token]"],
  [/(\bBearer )[^\s"'\\]+/gi, "$1[token]"],
  // User and password in a URL (RFC 3986 section 3.2.1).
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'\\]*@/gi, "$1[secret]@"],
  // The last segment of an RTMP URL is the stream key.
  [/(\brtmps?:\/\/[^\s"'\\]*\/)[^\s"'\\/]+/gi, "$1[key]"],
];

export function redactSecrets(text: string): string {
  let redacted = text;
  for (const [pattern, replacement] of SECRETS) redacted = redacted.replace(pattern, replacement);
  return redacted;
}

/** Takes secrets out of finished lines; they are few, so that it may cost what it costs. */
export function createRedactingDestination(target: LogDestination): LogDestination {
  return { write: (line) => target.write(redactSecrets(line)) };
}
