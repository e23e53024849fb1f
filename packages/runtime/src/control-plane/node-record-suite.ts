import type { NodeRecord } from "./control-plane.ts";

/** A record as an edge would announce it; for tests. */
export function nodeRecord(id: number, changes: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id,
    name: `node-${id}`,
    role: "edge",
    tier: 2,
    region: "eu",
    url: `https://127.0.0.1:${4_000 + (id % 1_000)}`,
    httpUrl: `http://127.0.0.1:${4_000 + (id % 1_000)}`,
    draining: false,
    load: { sessions: 1, maxSessions: 2_000, utilization: 0.1, sentBytesPerSecond: 1_000 },
    startedAtMs: 1_800_000_000_000,
    ...changes,
  };
}
