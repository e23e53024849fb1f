import { decodeUtf8 } from "../bytes/utf8.ts";

/** Longest message that is read: a URL and its envelope. */
const MAX_GOAWAY_BYTES = 4_096;

/**
 * What an edge that stops tells a WebRTC viewer on the data channel of timed messages, where there is no GOAWAY:
 * JSON `{"v":1,"goaway":"<url>"}`, with "" for any other edge. It is no timed message, so that whoever knows those
 * alone passes it over.
 */
export function encodeGoawayMessage(url: string): string {
  return JSON.stringify({ v: 1, goaway: url });
}

/** The URL; undefined for anything else, such as a timed message. */
export function decodeGoawayMessage(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > MAX_GOAWAY_BYTES) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(bytes, "goaway"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || !("goaway" in value)) return undefined;
  const { goaway } = value;
  return typeof goaway === "string" ? goaway : undefined;
}
