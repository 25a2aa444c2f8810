import prometheus from 'prom-client';
import type { Counter, Gauge, Histogram, LabelValues, Meter } from '../core/meter.js';
import { Series } from './series.js';

/** Latencies from a cache hit to a storage that hangs, in seconds. */
const LATENCIES: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** Default metrics of prom-client that break the naming rules (`promtool check metrics`). */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** What a scrape answers with. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

/** The Meter that Prometheus reads, with the usual `process_` and `nodejs_` metrics beside ours. */
export class PrometheusMeter implements Meter {
  readonly #registry = new prometheus.Registry();
  readonly #instruments = new Map<string, { readonly shape: string; readonly instrument: object }>();

  constructor() {
    prometheus.collectDefaultMetrics({ register: this.#registry });
    for (const name of MISNAMED) this.#registry.removeSingleMetric(name);
  }

  counter(name: string, help: string, labels: readonly string[] = []): Counter {
    if (!name.endsWith('_total')) throw new TypeError(`${name}: the name of a counter ends in _total`);
    return this.#once(name, 'counter', labels, () => {
      const counter = new prometheus.Counter({ name, help, labelNames: labels, registers: [this.#registry] });
      const series = new Series(labels.length, (values) => counter.labels(...values));
      return { add: (values: LabelValues, by = 1) => series.of(values).inc(by) };
    });
  }

  gauge(name: string, help: string, labels: readonly string[] = []): Gauge {
    return this.#once(name, 'gauge', labels, () => {
      const gauge = new prometheus.Gauge({ name, help, labelNames: labels, registers: [this.#registry] });
      const series = new Series(labels.length, (values) => gauge.labels(...values));
      return {
        set: (values: LabelValues, value: number) => series.of(values).set(value),
        add: (values: LabelValues, by: number) => series.of(values).inc(by),
        remove: (values: LabelValues) => {
          series.delete(values);
          gauge.remove(...values);
        },
      };
    });
  }

  histogram(
    name: string,
    help: string,
    labels: readonly string[] = [],
    buckets: readonly number[] = LATENCIES,
  ): Histogram {
    return this.#once(name, 'histogram', labels, () => {
      const histogram = new prometheus.Histogram({
        name,
        help,
        labelNames: labels,
        buckets: [...buckets],
        registers: [this.#registry],
      });
      const series = new Series(labels.length, (values) => histogram.labels(...values));
      return { observe: (values: LabelValues, value: number) => series.of(values).observe(value) };
    });
  }

  /** @param openMetrics  OpenMetrics 1.0 rather than the Prometheus text format 0.0.4 */
  async render(openMetrics: boolean): Promise<Exposition> {
    const text = await this.#registry.metrics();
    if (!openMetrics) return { contentType: prometheus.Registry.PROMETHEUS_CONTENT_TYPE, text };
    return { contentType: prometheus.Registry.OPENMETRICS_CONTENT_TYPE, text: toOpenMetrics(text) };
  }

  #once<T extends object>(name: string, kind: string, labels: readonly string[], make: () => T): T {
    const shape = `${kind} ${labels.join(' ')}`;
    const known = this.#instruments.get(name);
    if (known === undefined) {
      const instrument = make();
      this.#instruments.set(name, { shape, instrument });
      return instrument;
    }
    if (known.shape !== shape) throw new TypeError(`${name}: is a ${known.shape} already`);
    return known.instrument as T;
  }
}

/**
 * Text format 0.0.4 as OpenMetrics 1.0: families of counters are named without `_total`, there are no empty lines, quotes in help
 * texts are escaped, and an end mark says that nothing was cut off. prom-client's own way of it renames the counters
 * for good, so that the next scrape in the other format finds other names.
 */
function toOpenMetrics(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const counters = new Set(lines.flatMap((line) => /^# TYPE (\S+)_total counter$/.exec(line)?.[1] ?? []));
  const converted = lines.map((line) => {
    const [, keyword, name, rest] = /^# (HELP|TYPE) (\S+) ?(.*)$/.exec(line) ?? [];
    if (keyword === undefined || name === undefined) return line;
    const family = name.replace(/_total$/, '');
    return `# ${keyword} ${counters.has(family) ? family : name} ${keyword === 'HELP' ? rest?.replaceAll('"', '\\"') : rest}`;
  });
  return `${converted.join('\n')}\n# EOF\n`;
}
