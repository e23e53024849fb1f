import type { NodeLoad, NodeParent, NodeRecord, NodeRole } from "./control-plane.ts";
import { MAX_NODE_RECORD_BYTES } from "./registry-backend.ts";

/** Values of `canopy_control_plane_bad_records_total{reason}`. */
export type BadRecordReason = "size" | "malformed" | "mismatch" | "duplicate" | "clamped" | "limit";

export type NodeReading =
  | { readonly record: NodeRecord; readonly clamped: boolean }
  | { readonly problem: BadRecordReason; readonly field?: string };

const ROLES: readonly NodeRole[] = ["origin", "relay", "edge"];
const MAX_NAME_CHARACTERS = 256;
const MAX_REGION_CHARACTERS = 64;
const MAX_URL_CHARACTERS = 512;
const MAX_TIER = 15;
const MAX_SESSIONS = 1_000_000;
/** A node has a few parents; what a record may hold of them stays far below its limit. */
const MAX_PARENTS = 16;
const MAX_RTT_MS = 60_000;
/** A terabit per second. */
const MAX_BYTES_PER_SECOND = 125_000_000_000;

/**
 * Checks a node's record. `key` is the id that it is filed under. Numbers of the load that cannot be are moved to the
 * nearest that can, since a node that lies about its load is still a node; anything else that is wrong makes the
 * record worthless.
 */
export function readNodeRecord(key: string, text: string | undefined): NodeReading {
  if (text === undefined || text.length > MAX_NODE_RECORD_BYTES) return { problem: "size" };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problem: "malformed", field: "json" };
  }
  if (!isObject(value)) return { problem: "malformed", field: "json" };
  const { id, name, role, tier, region, url, httpUrl, parentSha256, draining, startedAtMs } = value;
  const known = ROLES.find((candidate) => candidate === role);
  if (!isWhole(id, 1, Number.MAX_SAFE_INTEGER)) return { problem: "malformed", field: "id" };
  if (String(id) !== key) return { problem: "mismatch", field: "id" };
  if (!isText(name, MAX_NAME_CHARACTERS)) return { problem: "malformed", field: "name" };
  if (known === undefined) return { problem: "malformed", field: "role" };
  if (!isWhole(tier, 0, MAX_TIER)) return { problem: "malformed", field: "tier" };
  if (!isText(region, MAX_REGION_CHARACTERS)) return { problem: "malformed", field: "region" };
  if (!isNodeUrl(url, ["https:"])) return { problem: "malformed", field: "url" };
  if (!isNodeUrl(httpUrl, ["https:", "http:"])) return { problem: "malformed", field: "httpUrl" };
  if (parentSha256 !== undefined && !isSha256(parentSha256))
    return { problem: "malformed", field: "parentSha256" };
  if (typeof draining !== "boolean") return { problem: "malformed", field: "draining" };
  if (value.ready !== undefined && typeof value.ready !== "boolean") {
    return { problem: "malformed", field: "ready" };
  }
  if (!isWhole(startedAtMs, 0, Number.MAX_SAFE_INTEGER))
    return { problem: "malformed", field: "startedAtMs" };
  const load = readLoad(value.load);
  if (load === undefined) return { problem: "malformed", field: "load" };
  const parents = readParents(value.parents);
  const record: NodeRecord = {
    id,
    name,
    role: known,
    tier,
    region,
    url,
    httpUrl,
    ...(parentSha256 === undefined ? {} : { parentSha256 }),
    draining,
    ...(value.ready === false ? { ready: false } : {}),
    load: load.load,
    ...(parents === undefined ? {} : { parents }),
    startedAtMs,
  };
  return { record, clamped: load.clamped };
}

function readLoad(value: unknown): { readonly load: NodeLoad; readonly clamped: boolean } | undefined {
  if (!isObject(value)) return undefined;
  const { sessions, maxSessions, utilization, sentBytesPerSecond } = value;
  if (!isNumber(sessions) || !isNumber(maxSessions) || !isNumber(utilization)) return undefined;
  if (!isNumber(sentBytesPerSecond)) return undefined;
  const load: NodeLoad = {
    sessions: Math.floor(clamp(sessions, MAX_SESSIONS)),
    maxSessions: Math.floor(clamp(maxSessions, MAX_SESSIONS)),
    utilization: clamp(utilization, 1),
    sentBytesPerSecond: clamp(sentBytesPerSecond, MAX_BYTES_PER_SECOND),
  };
  const clamped =
    load.sessions !== sessions ||
    load.maxSessions !== maxSessions ||
    load.utilization !== utilization ||
    load.sentBytesPerSecond !== sentBytesPerSecond;
  return { load, clamped };
}

/** They are only shown: those that cannot be are left out, and the rest of the record counts. */
function readParents(value: unknown): readonly NodeParent[] | undefined {
  if (!Array.isArray(value)) return undefined;
  return value.slice(0, MAX_PARENTS).flatMap((item: unknown) => {
    if (!isObject(item)) return [];
    const { id, rttMs, subscriptions } = item;
    if (!isWhole(id, 1, Number.MAX_SAFE_INTEGER) || !isNumber(rttMs)) return [];
    if (!isWhole(subscriptions, 0, Number.MAX_SAFE_INTEGER)) return [];
    return [{ id, rttMs: clamp(rttMs, MAX_RTT_MS), subscriptions }];
  });
}

function clamp(value: number, max: number): number {
  return Math.min(max, Math.max(0, value));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isText(value: unknown, maxCharacters: number): value is string {
  return typeof value === "string" && value.length <= maxCharacters && !CONTROL_CHARACTER.test(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

function isSha256(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** Scheme, host and port, and nothing that would go along in logs or to another path. */
function isNodeUrl(value: unknown, protocols: readonly string[]): value is string {
  if (!isText(value, MAX_URL_CHARACTERS)) return false;
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return false;
  }
  if (!protocols.includes(url.protocol) || url.hostname === "") return false;
  if (url.username !== "" || url.password !== "") return false;
  return (url.pathname === "/" || url.pathname === "") && url.search === "" && url.hash === "";
}
