import { normalizeScopePath } from "@canopy/runtime";
import { checkBroadcastPath } from "../../ingest/broadcast-path.ts";
import { OriginError } from "../../origin-error.ts";

/** What a publisher asked for, taken from `connect` (app) and `publish` (stream key). */
export interface PublishTarget {
  /** Broadcast path, such as `live/demo`. */
  readonly path: string;
  /** Token of `?jwt=`, from the key or the app; never to be logged. */
  readonly token: string | undefined;
}

/**
 * `rtmp://host/live/demo?jwt=…` arrives as app `live` and key `demo?jwt=…`; some senders put the query on the app.
 * @throws OriginError `bad-path`
 */
export function parsePublishTarget(app: string, streamName: string): PublishTarget {
  const [appPath, appQuery] = splitQuery(app);
  const [namePath, nameQuery] = splitQuery(streamName);
  const path = normalizeScopePath(`${appPath}/${namePath}`);
  if (namePath.replaceAll("/", "") === "") {
    throw new OriginError("bad-path", "The stream key is empty: publish to rtmp://host/app/stream.");
  }
  checkBroadcastPath(path);
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
