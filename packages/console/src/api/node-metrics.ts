/** The figures of one node that the console shows, from its Prometheus page. */
export interface NodeMetrics {
  readonly sessions: number;
  readonly sessionsByTransport: ReadonlyMap<string, number>;
  readonly broadcasts: number;
  readonly upstreamSubscriptions: number;
  readonly downstreamSubscriptions: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly droppedGroups: number;
  /** Sessions that were refused because the node was full. */
  readonly refusedForRoom: number;
  readonly sentPackets: number;
  readonly lostPackets: number;
  /** Frames sent, by the upper bounds of their age in seconds, cumulative as Prometheus has them. */
  readonly frameAge: readonly AgeBucket[];
  readonly parentSwitches: number;
  readonly cacheBytes: number;
  /** 0 to 1. */
  readonly eventLoopUtilization: number | undefined;
  readonly residentBytes: number | undefined;
}

export interface AgeBucket {
  /** Infinity for the last. */
  readonly leSeconds: number;
  readonly count: number;
}

interface Sample {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Reads the text exposition format (version 0.0.4); lines that it does not understand are passed over. */
export function parseNodeMetrics(text: string): NodeMetrics {
  const samples = parseSamples(text);
  const sum = (name: string, label?: string, value?: string): number =>
    (samples.get(name) ?? [])
      .filter((sample) => label === undefined || sample.labels.get(label) === value)
      .reduce((total, sample) => total + sample.value, 0);
  const first = (name: string): number | undefined => samples.get(name)?.[0]?.value;
  const byTransport = new Map<string, number>();
  for (const sample of samples.get("canopy_sessions") ?? []) {
    byTransport.set(sample.labels.get("transport") ?? "other", sample.value);
  }
  return {
    sessions: sum("canopy_sessions"),
    sessionsByTransport: byTransport,
    broadcasts: sum("canopy_broadcasts"),
    upstreamSubscriptions: sum("canopy_subscriptions", "direction", "upstream"),
    downstreamSubscriptions: sum("canopy_subscriptions", "direction", "downstream"),
    sentBytes: sum("canopy_sent_bytes_total"),
    receivedBytes: sum("canopy_received_bytes_total"),
    droppedGroups: sum("canopy_groups_dropped_total"),
    refusedForRoom: sum("canopy_sessions_rejected_total", "reason", "limit"),
    sentPackets: sum("canopy_sent_packets_total"),
    lostPackets: sum("canopy_lost_packets_total"),
    frameAge: ageBuckets(samples.get("canopy_frame_age_seconds_bucket") ?? []),
    parentSwitches: sum("canopy_parent_switches_total"),
    cacheBytes: sum("canopy_cache_bytes"),
    eventLoopUtilization: first("canopy_event_loop_utilization_ratio"),
    residentBytes: first("canopy_process_resident_memory_bytes") ?? first("process_resident_memory_bytes"),
  };
}

function ageBuckets(samples: readonly Sample[]): readonly AgeBucket[] {
  const counts = new Map<number, number>();
  for (const { labels, value } of samples) {
    const le = labels.get("le");
    const leSeconds = le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le);
    if (!Number.isNaN(leSeconds)) counts.set(leSeconds, (counts.get(leSeconds) ?? 0) + value);
  }
  return [...counts]
    .map(([leSeconds, count]) => ({ leSeconds, count }))
    .sort((left, right) => left.leSeconds - right.leSeconds);
}

/**
 * The age below which the given share of the frames was that were sent between two polls, in ms: the straight line
 * through its bucket, as Prometheus draws it. Undefined if none was sent.
 */
export function frameAgeMs(
  before: readonly AgeBucket[],
  after: readonly AgeBucket[],
  share: number,
): number | undefined {
  const sent = after.map(({ leSeconds, count }, index) => ({
    leSeconds,
    count: count - (before[index]?.count ?? 0),
  }));
  const wanted = (sent.at(-1)?.count ?? 0) * share;
  if (!(wanted > 0)) return undefined;
  const index = sent.findIndex(({ count }) => count >= wanted);
  const lower = sent[index - 1] ?? { leSeconds: 0, count: 0 };
  const upper = sent[index] ?? lower;
  // Above the largest bound nothing is known but that.
  if (upper.leSeconds === Number.POSITIVE_INFINITY) return lower.leSeconds * 1_000;
  const part = (wanted - lower.count) / (upper.count - lower.count);
  return (lower.leSeconds + (upper.leSeconds - lower.leSeconds) * part) * 1_000;
}

function parseSamples(text: string): Map<string, Sample[]> {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (!match) continue;
    const [, name = "", labelText = "", valueText = ""] = match;
    const value = Number(valueText);
    if (!Number.isFinite(value)) continue;
    const labels = new Map<string, string>();
    for (const [, key = "", label = ""] of labelText.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(key, label);
    }
    const list = samples.get(name);
    if (list) list.push({ labels, value });
    else samples.set(name, [{ labels, value }]);
  }
  return samples;
}
