import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from "prom-client";
import { FixedHistogram } from "./fixed-histogram.ts";
import {
  type HistogramName,
  METRICS,
  type MetricName,
  type MetricSpec,
  type ReadMetricName,
} from "./metric-catalog.ts";

/** Gives the current value; called at scrape only. */
export type ReadValue = () => number;

interface Source {
  readonly labelValue: string;
  readonly read: ReadValue;
}

/** What a counter's removed sources had counted, so that the sum never falls. */
type Retained = Map<string, number>;

/**
 * The metrics of one process. Whoever counts keeps plain numbers and registers how to read them; nothing happens
 * per event, and several sources of one name and label value are added up.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly #sources = new Map<MetricName, Set<Source>>();
  readonly #retained = new Map<MetricName, Retained>();
  readonly #histograms = new Map<HistogramName, FixedHistogram>();

  constructor(options: { readonly processMetrics: boolean }) {
    for (const name of Object.keys(METRICS) as MetricName[]) this.#declare(name, METRICS[name]);
    if (options.processMetrics) collectDefaultMetrics({ register: this.registry });
  }

  /**
   * Registers a source of a gauge or counter. `labelValue` is the value of the metric's one label, "" if it has
   * none. The returned function removes the source; what a counter's source had counted until then stays counted.
   */
  read(name: ReadMetricName, labelValue: string, read: ReadValue): () => void {
    const source: Source = { labelValue, read };
    const sources = this.#sources.get(name);
    sources?.add(source);
    return () => {
      if (!sources?.delete(source) || METRICS[name].type !== "counter") return;
      const retained = this.#retained.get(name) ?? new Map<string, number>();
      retained.set(labelValue, (retained.get(labelValue) ?? 0) + source.read());
      this.#retained.set(name, retained);
    };
  }

  /** A counter for events that are rare enough for a map update each; hot paths keep a number and use `read`. */
  counter(name: ReadMetricName): (labelValue?: string, amount?: number) => void {
    const retained: Retained = this.#retained.get(name) ?? new Map();
    this.#retained.set(name, retained);
    return (labelValue = "", amount = 1) => {
      retained.set(labelValue, (retained.get(labelValue) ?? 0) + amount);
    };
  }

  /** Seconds; see `FixedHistogram.observe`. */
  histogram(name: HistogramName): FixedHistogram {
    const histogram = this.#histograms.get(name);
    if (histogram === undefined) throw new RangeError(`no histogram is named ${name}`);
    return histogram;
  }

  /** The sum of all sources of a name and label value, as a scrape would see it. */
  value(name: ReadMetricName, labelValue = ""): number {
    return this.#totals(name, METRICS[name]).get(labelValue) ?? 0;
  }

  /** The exposition text for `GET /metrics`. */
  expose(): Promise<string> {
    return this.registry.metrics();
  }

  #declare(name: MetricName, spec: MetricSpec): void {
    if (spec.type === "histogram") {
      const histogram = new FixedHistogram(spec.buckets ?? []);
      this.#histograms.set(name as HistogramName, histogram);
      this.registry.registerMetric(exposeHistogram(name, spec.help, histogram));
      return;
    }
    this.#sources.set(name, new Set());
    const fill = (set: (labels: Record<string, string>, value: number) => void): void => {
      for (const [labelValue, value] of this.#totals(name, spec)) {
        set(spec.label === undefined ? {} : { [spec.label.name]: labelValue }, value);
      }
    };
    const common = {
      name,
      help: spec.help,
      labelNames: spec.label === undefined ? [] : [spec.label.name],
      registers: [this.registry],
    };
    if (spec.type === "gauge") {
      new Gauge({
        ...common,
        collect() {
          this.reset();
          fill((labels, value) => this.set(labels, value));
        },
      });
    } else {
      new Counter({
        ...common,
        collect() {
          this.reset();
          fill((labels, value) => this.inc(labels, value));
        },
      });
    }
  }

  #totals(name: MetricName, spec: MetricSpec): Map<string, number> {
    const totals = new Map<string, number>((spec.label?.values ?? [""]).map((value) => [value, 0]));
    for (const [labelValue, value] of this.#retained.get(name) ?? []) totals.set(labelValue, value);
    for (const { labelValue, read } of this.#sources.get(name) ?? []) {
      totals.set(labelValue, (totals.get(labelValue) ?? 0) + read());
    }
    return totals;
  }
}

export function createMetrics(options = { processMetrics: true }): Metrics {
  return new Metrics(options);
}

/** prom-client's own histogram works per observation with label objects; the registry only needs `name` and `get`. */
function exposeHistogram(name: string, help: string, histogram: FixedHistogram): Metric<string> {
  const metric = {
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    get: () => {
      const values: { metricName: string; labels: Record<string, string | number>; value: number }[] = [];
      let cumulative = 0;
      histogram.counts.forEach((count, index) => {
        cumulative += count;
        const le = histogram.bounds[index] ?? "+Inf";
        values.push({ metricName: `${name}_bucket`, labels: { le }, value: cumulative });
      });
      values.push({ metricName: `${name}_sum`, labels: {}, value: histogram.sum });
      values.push({ metricName: `${name}_count`, labels: {}, value: histogram.count });
      return { name, help, type: "histogram", aggregator: "sum", values };
    },
    reset: () => {},
  };
  return metric as unknown as Metric<string>;
}
