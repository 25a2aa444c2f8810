import type { Logger } from '../../src/core/log.js';
import type { Meter } from '../../src/core/meter.js';

/** A meter that a test can read. */
export class RecordingMeter implements Meter {
  readonly #values = new Map<string, number>();

  counter(name: string) {
    return { add: (labels: readonly string[], by = 1) => this.#add(name, labels, by) };
  }

  gauge(name: string) {
    return {
      set: (labels: readonly string[], value: number) => void this.#values.set([name, ...labels].join(' '), value),
      add: (labels: readonly string[], by: number) => this.#add(name, labels, by),
      remove: (labels: readonly string[]) => void this.#values.delete([name, ...labels].join(' ')),
    };
  }

  histogram(name: string) {
    return { observe: (labels: readonly string[], value: number) => this.#add(name, labels, value) };
  }

  value(name: string, ...labels: string[]): number {
    return this.#values.get([name, ...labels].join(' ')) ?? 0;
  }

  #add(name: string, labels: readonly string[], by: number): void {
    const key = [name, ...labels].join(' ');
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }
}

export interface LogLine {
  readonly level: string;
  readonly message: string | undefined;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A logger that keeps what it is told. */
export function recordingLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message?: string) =>
    void lines.push({ level, message, fields: { ...fields } });
  const log: Logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  return { log, lines };
}
