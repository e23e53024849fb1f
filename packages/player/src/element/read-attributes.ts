import type { WebSocketMapping } from "../upstream/moq/dial-web-socket.ts";

/** Attributes of `<canopy-player>` that decide what is played; a change of one starts playback anew. */
export const SOURCE_ATTRIBUTES = [
  "src",
  "locate",
  "region",
  "broadcast",
  "token",
  "transports",
  "websocket-mapping",
  "latency",
  "sync",
] as const;

/** Attributes that only change how it looks or sounds. */
export const LOOK_ATTRIBUTES = ["muted", "controls", "poster"] as const;

const MAX_LATENCY_MS = 8_000;

export interface SourceAttributes {
  readonly src: string;
  readonly locate: string | undefined;
  readonly region: string | undefined;
  readonly broadcast: string;
  readonly token: string | undefined;
  readonly transports: string | undefined;
  readonly webSocketMapping: WebSocketMapping | undefined;
  /** Undefined: the player decides. */
  readonly latencyMs: number | undefined;
  readonly sync: boolean;
}

/**
 * What the attributes say. Undefined while there is nothing to play. A bad value falls back to the default, and
 * `warn` is told.
 */
export function readAttributes(
  get: (name: string) => string | null,
  warn: (text: string) => void,
): SourceAttributes | undefined {
  const src = get("src")?.trim() ?? "";
  const broadcast = get("broadcast")?.trim() ?? "";
  const locate = get("locate")?.trim() || undefined;
  if ((src === "" && locate === undefined) || broadcast === "") return undefined;
  return {
    src,
    locate,
    region: get("region") ?? undefined,
    broadcast,
    token: get("token") ?? undefined,
    transports: readTransports(get("transports"), warn),
    webSocketMapping: readMapping(get("websocket-mapping"), warn),
    latencyMs: readLatency(get("latency"), warn),
    sync: get("sync") !== null,
  };
}

function readLatency(text: string | null, warn: (text: string) => void): number | undefined {
  if (text === null) return undefined;
  const latencyMs = Number(text);
  if (text.trim() !== "" && latencyMs >= 0 && latencyMs <= MAX_LATENCY_MS) return latencyMs;
  warn(`latency="${text}" is not a number of milliseconds from 0 to ${MAX_LATENCY_MS}: using the default`);
  return undefined;
}

function readMapping(text: string | null, warn: (text: string) => void): WebSocketMapping | undefined {
  if (text === null || text === "qmux" || text === "webtransport") return text ?? undefined;
  warn(`websocket-mapping: there is no "${text}"`);
  return undefined;
}

function readTransports(text: string | null, warn: (text: string) => void): string | undefined {
  if (text === null) return undefined;
  const known = ["webtransport", "websocket", "whep", "hls"];
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  for (const name of names) if (!known.includes(name)) warn(`transports: there is no "${name}"`);
  const valid = names.filter((name) => known.includes(name));
  return valid.length > 0 ? valid.join(",") : undefined;
}
