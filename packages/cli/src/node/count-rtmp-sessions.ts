import type { RtmpServerCounters } from "@canopy/origin";
import type { Metrics } from "@canopy/runtime";

const TRANSPORT = "rtmp";

/** Feeds what the RTMP server counts into the contract's metrics. */
export function countRtmpSessions(metrics: Metrics): {
  readonly counters: RtmpServerCounters;
  close(): void;
} {
  let open = 0;
  const opened = metrics.counter("canopy_sessions_opened_total");
  const rejected = metrics.counter("canopy_sessions_rejected_total");
  const received = metrics.counter("canopy_received_bytes_total");
  const remove = metrics.read("canopy_sessions", TRANSPORT, () => open);
  return {
    counters: {
      sessionOpened: () => {
        open += 1;
        opened();
      },
      sessionClosed: () => {
        open -= 1;
      },
      sessionRejected: (reason) => rejected(reason),
      receivedBytes: (bytes) => received(TRANSPORT, bytes),
    },
    close: remove,
  };
}
