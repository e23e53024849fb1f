import { RuntimeError } from "../../runtime-error.ts";
import {
  type ClaimAnswer,
  MAX_NODE_RECORD_BYTES,
  MAX_PATH_BYTES,
  type RegistryChange,
  type RegistrySnapshot,
} from "../registry-backend.ts";

/** 2^53 has sixteen digits; what is longer is none of ours and refused for not being its record's id. */
const MAX_ID_CHARACTERS = 17;
/** A record with every character escaped, and its frame. */
const MAX_CHANGE_CHARACTERS = 6 * (MAX_NODE_RECORD_BYTES + MAX_PATH_BYTES);

/** @throws RuntimeError `registry-away` if the reply is not one of ours */
export function readClaimAnswer(reply: unknown): ClaimAnswer {
  const [kind, first, second] = asList(reply);
  if (kind === "unregistered") return { kind };
  if (kind === "claimed") return { kind, epoch: asWhole(first) };
  if (kind === "held") return { kind, by: asWhole(first), silentMs: asWhole(second) };
  throw unexpected();
}

/** @throws RuntimeError `registry-away` if the reply is not one of ours */
export function readSnapshot(reply: unknown): RegistrySnapshot {
  const [version, nowMs, scores, values, whole, broadcastList] = asList(reply);
  // A version that somebody has spoiled is never equal to a known one: everything is read each time.
  const number = Number(version);
  return {
    version: Number.isSafeInteger(number) && number > 0 ? number : 0,
    nodes: readNodes(asWhole(nowMs), asList(scores), asList(values)),
    broadcasts: whole === 1 ? readBroadcasts(asList(broadcastList)) : undefined,
  };
}

/** `scores`: id and time of the last heartbeat in turn. `values`: instance, a space and the record, in the same order. */
function readNodes(
  nowMs: number,
  scores: readonly unknown[],
  values: readonly unknown[],
): RegistrySnapshot["nodes"] {
  return values.map((value, index) => {
    const text = typeof value === "string" ? value : "";
    const record = text.slice(text.indexOf(" ") + 1);
    return {
      id: String(scores[2 * index]).slice(0, MAX_ID_CHARACTERS),
      ageMs: nowMs - Number(scores[2 * index + 1]),
      record: record === "" ? undefined : record,
    };
  });
}

function readBroadcasts(flat: readonly unknown[]): { path: string; record: string | undefined }[] {
  const broadcasts: { path: string; record: string | undefined }[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const record = flat[index + 1];
    broadcasts.push({
      path: String(flat[index]),
      record: typeof record === "string" && record !== "" ? record : undefined,
    });
  }
  return broadcasts;
}

/** A published message; undefined if it is none of ours. */
export function readRegistryChange(text: string): RegistryChange | undefined {
  if (text.length > MAX_CHANGE_CHARACTERS) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, id, record, silent, version, path } = value as Record<string, unknown>;
  if (kind === "node" && typeof id === "string" && typeof record === "string") return { kind, id, record };
  if (kind === "left" && typeof id === "string") return { kind, id, silent: silent === true };
  const number = Number(version);
  if (!Number.isSafeInteger(number) || number <= 0 || typeof path !== "string") return undefined;
  if (kind === "claimed" && typeof record === "string") return { kind, version: number, path, record };
  return kind === "released" ? { kind, version: number, path } : undefined;
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unexpected();
  return value;
}

function asWhole(value: unknown): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw unexpected();
  return number;
}

function unexpected(): RuntimeError {
  return new RuntimeError("registry-away", "Redis answered something else than its scripts do");
}
