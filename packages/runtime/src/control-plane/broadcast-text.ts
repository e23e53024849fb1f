import type { BroadcastRecord } from "./control-plane.ts";

/** Owner, epoch, start, and whether there is a publisher: short, and a Lua pattern reads it without failing. */
const PATTERN = /^(\d{1,16}) (\d{1,16}) (\d{1,16}) ([01])$/;

/** The longest text that can be good. */
export const MAX_BROADCAST_RECORD_BYTES = 3 * 17 + 1;

export function writeBroadcast(record: Omit<BroadcastRecord, "path">): string {
  return `${record.nodeId} ${record.epoch} ${record.startedAtMs} ${record.live ? 1 : 0}`;
}

/** Undefined if the text is not a broadcast's record. */
export function readBroadcast(path: string, text: string): BroadcastRecord | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [nodeId, epoch, startedAtMs] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (!isId(nodeId) || !Number.isSafeInteger(epoch) || !Number.isSafeInteger(startedAtMs)) return undefined;
  return { path, nodeId, epoch, startedAtMs, live: match[4] === "1" };
}

function isId(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
