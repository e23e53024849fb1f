import { OriginError } from "../origin-error.ts";

const MAX_PATH_BYTES = 256;
const MAX_SEGMENTS = 32;

/**
 * What a publisher may call a broadcast. `path` is normalized.
 * @throws OriginError `bad-path`
 */
export function checkBroadcastPath(path: string): void {
  const segments = path.split("/");
  if (segments.length > MAX_SEGMENTS || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new OriginError("bad-path", `The broadcast path is longer than ${MAX_PATH_BYTES} bytes.`);
  }
  if (segments.some((segment) => segment === "." || segment === "..") || hasControlCharacter(path)) {
    throw new OriginError("bad-path", "The broadcast path has a segment or character that is not allowed.");
  }
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
