/**
 * What the rooms may count. Modelled on Prometheus, which `metrics/` implements it with; a room that measures takes a
 * Meter and never knows who reads it. Asking twice for one name gives the same instrument.
 *
 * Names follow the Prometheus conventions: prefix `isthmus_`, base units (`_seconds`, `_bytes`), `_total` on counters.
 */
export interface Meter {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** @param buckets  upper bounds in ascending order; absent: 1 ms to 60 s, for latencies in seconds */
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram;
}

/** Label values, in the order in which the instrument declared its labels. */
export type LabelValues = readonly string[];

export interface Counter {
  add(labels: LabelValues, by?: number): void;
}

export interface Gauge {
  set(labels: LabelValues, value: number): void;
  add(labels: LabelValues, by: number): void;
  /** Drops the series of these labels (a mount that was removed). */
  remove(labels: LabelValues): void;
}

export interface Histogram {
  observe(labels: LabelValues, value: number): void;
}

const nothing = { add() {}, set() {}, remove() {}, observe() {} };

/** A meter that forgets, for tests and tools. */
export const noMeter: Meter = { counter: () => nothing, gauge: () => nothing, histogram: () => nothing };
