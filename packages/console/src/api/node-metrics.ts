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
  readonly parentSwitches: number;
  readonly cacheBytes: number;
  /** 0 to 1. */
  readonly eventLoopUtilization: number | undefined;
  readonly residentBytes: number | undefined;
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
    parentSwitches: sum("canopy_parent_switches_total"),
    cacheBytes: sum("canopy_cache_bytes"),
    eventLoopUtilization: first("canopy_event_loop_utilization_ratio"),
    residentBytes: first("canopy_process_resident_memory_bytes") ?? first("process_resident_memory_bytes"),
  };
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
