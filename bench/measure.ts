import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import type { Subject, Work } from './subject.js';
import { resetPeak, usageOf } from './usage.js';

/** One subject's figures for one work, over the rounds. */
export interface Figures {
  readonly subject: string;
  readonly seconds: readonly number[];
  readonly cpuSeconds: readonly number[];
  readonly peakMiB: number;
  /** Why there are no figures. */
  readonly failure?: string;
}

export interface Measured {
  readonly door: string;
  readonly work: string;
  readonly unit: string;
  readonly amount: number;
  readonly figures: readonly Figures[];
}

/** Runs every work on every subject, in turn within each round, so that a machine that drifts drifts for all. */
export async function measure<S extends Subject>(
  door: string,
  subjects: readonly S[],
  works: readonly Work<S>[],
  rounds: number,
): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const work of works) {
    const rows = subjects.map((subject) => ({
      subject,
      seconds: [] as number[],
      cpu: [] as number[],
      peak: 0,
      failure: '',
    }));
    for (let round = 0; round < rounds; round++) {
      for (const row of rows) {
        if (row.failure !== '') continue;
        try {
          await work.prepare(row.subject);
          settle();
          resetPeak(row.subject.pid);
          const before = usageOf(row.subject.pid);
          const start = performance.now();
          await work.run(row.subject);
          row.seconds.push((performance.now() - start) / 1000);
          const after = usageOf(row.subject.pid);
          row.cpu.push(after.cpuSeconds - before.cpuSeconds);
          row.peak = Math.max(row.peak, after.peakMiB);
        } catch (error) {
          row.failure = (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? 'failed';
        }
      }
    }
    for (const { subject, seconds, failure } of rows) {
      console.log(`${door}: ${work.name}: ${subject.name}: ${failure || seconds.map((s) => s.toFixed(3)).join(' ')}`);
    }
    measured.push({
      door,
      work: work.name,
      unit: work.unit,
      amount: work.amount,
      figures: rows.map(({ subject, seconds, cpu, peak, failure }) => ({
        subject: subject.name,
        seconds,
        cpuSeconds: cpu,
        peakMiB: peak,
        ...(failure === '' ? {} : { failure }),
      })),
    });
  }
  return measured;
}

/** Lets the disk finish what the last run left, and forgets cached entries where we may: the same start for all. */
function settle(): void {
  execFileSync('sync');
  if (process.getuid?.() === 0 && existsSync('/proc/sys/vm/drop_caches'))
    writeFileSync('/proc/sys/vm/drop_caches', '2');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
