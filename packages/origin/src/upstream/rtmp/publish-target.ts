import { OriginError } from "../../origin-error.ts";

/** What a publisher asked for, taken from `connect` (app) and `publish` (stream key). */
export interface PublishTarget {
  /** Broadcast path, such as `live/demo`. */
  readonly path: string;
  /** Token of `?jwt=`, from the key or the app; never to be logged. */
  readonly token: string | undefined;
}

const MAX_PATH_BYTES = 256;
const MAX_SEGMENTS = 32;

/**
 * `rtmp://host/live/demo?jwt=…` arrives as app `live` and key `demo?jwt=…`; some senders put the query on the app.
 * @throws OriginError `bad-path`
 */
export function parsePublishTarget(app: string, streamName: string): PublishTarget {
  const [appPath, appQuery] = splitQuery(app);
  const [namePath, nameQuery] = splitQuery(streamName);
  const segments = `${appPath}/${namePath}`.split("/").filter((segment) => segment !== "");
  const path = segments.join("/");
  if (namePath.replaceAll("/", "") === "") {
    throw new OriginError("bad-path", "The stream key is empty: publish to rtmp://host/app/stream.");
  }
  if (segments.length > MAX_SEGMENTS || Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new OriginError("bad-path", `The broadcast path is longer than ${MAX_PATH_BYTES} bytes.`);
  }
  if (segments.some((segment) => segment === "." || segment === "..") || hasControlCharacter(path)) {
    throw new OriginError("bad-path", "The broadcast path has a segment or character that is not allowed.");
  }
  return { path, token: tokenOf(nameQuery) ?? tokenOf(appQuery) };
}

function splitQuery(text: string): [string, string] {
  const at = text.indexOf("?");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function tokenOf(query: string): string | undefined {
  const token = new URLSearchParams(query).get("jwt");
  return token === null || token === "" ? undefined : token;
}

function hasControlCharacter(text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
