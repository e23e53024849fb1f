import type { SessionStats } from "../session.ts";
import type { NativeConnection } from "./native.ts";

/** A snapshot of the engine's counters and of the path in use. */
export function readStats(native: NativeConnection, bufferedBytes: number, silentMs: number): SessionStats {
  const totals = native.stats();
  const path = native.pathStats().find((candidate) => candidate.active);
  const rttMs = path?.rtt ?? 0;
  const windowRateBps = path === undefined || rttMs === 0 ? 0 : (path.cwnd * 8_000) / rttMs;
  return {
    rttMs,
    sentBytes: totals.sentBytes,
    receivedBytes: totals.recvBytes,
    sentPackets: totals.sent,
    lostPackets: totals.lost,
    // What was delivered is too low for a sender with little to say, so the congestion window counts as well.
    sendRateBps: Math.max((path?.deliveryRate ?? 0) * 8, windowRateBps),
    bufferedBytes,
    silentMs,
  };
}
