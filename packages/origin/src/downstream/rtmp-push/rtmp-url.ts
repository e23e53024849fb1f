import { OriginError } from "../../origin-error.ts";

export interface RtmpUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  readonly app: string;
  /** The URL of the application and stream, without query, as encoders name it in `connect`. */
  readonly tcUrl: string;
  /** With the query: servers look for keys and tokens there. */
  readonly streamName: string;
}

/** IANA and common use. */
const RTMP_PORT = 1935;
const RTMPS_PORT = 443;
/** A stream key that is shorter is not shown at all, of a longer one this many characters. */
const SHOWN_KEY_CHARACTERS = 4;
const MIN_SHOWN_KEY_CHARACTERS = 12;
export const MAX_RTMP_URL_CHARACTERS = 2_048;

/**
 * `rtmp[s]://host[:port]/app/name?jwt=…` → where to connect, the URL of the application, the stream name with the query.
 * @throws OriginError `bad-target`
 */
export function parseRtmpUrl(url: string): RtmpUrl {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw bad({ cause });
  }
  const { protocol, hostname, username, password } = parsed;
  const [app, ...rest] = parsed.pathname.split("/").filter((part) => part !== "");
  const secure = protocol === "rtmps:";
  const isKnown = secure || protocol === "rtmp:";
  if (!isKnown || hostname === "" || app === undefined || rest.length === 0) throw bad();
  if (username !== "" || password !== "" || url.length > MAX_RTMP_URL_CHARACTERS) throw bad();
  const name = rest.join("/");
  return {
    secure,
    // URL keeps the brackets of an IPv6 address, which sockets do not want.
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: parsed.port === "" ? (secure ? RTMPS_PORT : RTMP_PORT) : Number(parsed.port),
    app,
    tcUrl: `${protocol}//${parsed.host}/${app}/${name}`,
    streamName: name + parsed.search,
  };
}

/** For logs and answers: without query, and of the stream key at most its end. */
export function maskRtmpUrl(url: string): string {
  const { tcUrl, app } = parseRtmpUrl(url);
  const at = tcUrl.indexOf(`/${app}/`) + app.length + 2;
  const key = tcUrl.slice(at);
  const shown = key.length < MIN_SHOWN_KEY_CHARACTERS ? "" : key.slice(-SHOWN_KEY_CHARACTERS);
  return `${tcUrl.slice(0, at)}…${shown}`;
}

/** Takes the stream key out of what a server says about it. */
export function withoutStreamKey(text: string, url: string): string {
  const { streamName } = parseRtmpUrl(url);
  const [name = streamName, query = ""] = streamName.split("?", 2);
  let clean = text;
  for (const secret of [streamName, name, query]) if (secret !== "") clean = clean.replaceAll(secret, "…");
  return clean;
}

function bad(options?: ErrorOptions): OriginError {
  return new OriginError("bad-target", "An RTMP target is rtmp[s]://host[:port]/app/stream.", options);
}
