import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** What a server's processes have used, children included. */
export interface Usage {
  readonly cpuSeconds: number;
  /** Largest resident set since `resetPeak`, added up over the processes, in MiB. */
  readonly peakMiB: number;
  readonly residentMiB: number;
}

export function usageOf(pid: number): Usage {
  let cpuSeconds = 0;
  let peakMiB = 0;
  let residentMiB = 0;
  for (const one of family(pid)) {
    try {
      const stat = readFileSync(`/proc/${one}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      // utime, stime and those of children that ended (proc(5), fields 14 to 17; the cut-off fields are two)
      cpuSeconds += [11, 12, 13, 14].reduce((sum, field) => sum + Number(stat[field]), 0) / TICKS_PER_SECOND;
      const status = readFileSync(`/proc/${one}/status`, 'utf8');
      peakMiB += Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
      residentMiB += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
    } catch {
      // it ended while we looked
    }
  }
  return { cpuSeconds, peakMiB, residentMiB };
}

/** Makes the next `peakMiB` count from now (proc(5), clear_refs). */
export function resetPeak(pid: number): void {
  for (const one of family(pid)) {
    try {
      writeFileSync(`/proc/${one}/clear_refs`, '5');
    } catch {
      // it ended, or belongs to somebody else
    }
  }
}

/** A process and all its descendants; none for 0, which stands for no process of its own. */
function family(pid: number): number[] {
  if (pid === 0) return [];
  const parents = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = Number(
        readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')[1],
      );
      parents.set(parent, [...(parents.get(parent) ?? []), Number(name)]);
    } catch {
      // it ended while we looked
    }
  }
  const all: number[] = [];
  for (let todo = [pid]; todo.length > 0; ) {
    all.push(...todo);
    todo = todo.flatMap((one) => parents.get(one) ?? []);
  }
  return all;
}
