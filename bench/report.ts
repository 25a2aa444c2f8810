import { cpus, release, totalmem } from 'node:os';
import type { Measured } from './measure.js';
import { median } from './measure.js';
import type { Subject } from './subject.js';
import { usageOf } from './usage.js';

/** Start and rest of a subject, taken when it has just come up. */
export interface Rest {
  readonly door: string;
  readonly subject: string;
  readonly startSeconds: number;
  readonly residentMiB: number;
}

export function restOf(door: string, subject: Subject): Rest {
  return {
    door,
    subject: subject.name,
    startSeconds: subject.startSeconds,
    residentMiB: usageOf(subject.pid).residentMiB,
  };
}

/** The report as Markdown. Speed is the amount by the median time; a ratio above 1 says that we are faster. */
export function report(measured: readonly Measured[], rests: readonly Rest[], command: string, rounds: number): string {
  const lines = [
    '# Bench: Isthmus and its peers on the same work',
    '',
    `Made by \`${command}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} cores ` +
      `(${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ` +
      `Node ${process.version}. ${rounds} rounds, the subjects in turn within each; medians.`,
    'The machine is shared: quote the ratios, not the absolute figures. *Ratio*: our speed by theirs, above 1 is faster.',
    'CPU seconds and peak memory are those of the server processes, not of the clients.',
  ];
  for (const door of new Set(measured.map((one) => one.door))) {
    lines.push('', `## ${door}`);
    for (const { work, unit, amount, figures } of measured.filter((one) => one.door === door)) {
      const ours = figures[0];
      lines.push('', `**${work}**`, '', `| | ${unit}/s | ratio | CPU s | peak MiB |`, '|---|---|---|---|---|');
      for (const one of figures) {
        if (one.failure !== undefined) {
          lines.push(`| ${one.subject} | failed: ${one.failure.replaceAll('|', '/').slice(0, 120)} | | | |`);
          continue;
        }
        const speed = amount / median(one.seconds);
        const ratio =
          one === ours || ours === undefined || ours.failure !== undefined
            ? ''
            : (median(one.seconds) / median(ours.seconds)).toFixed(2);
        lines.push(
          `| ${one.subject} | ${speed >= 100 ? Math.round(speed) : speed.toFixed(1)} | ${ratio} ` +
            `| ${median(one.cpuSeconds).toFixed(2)} | ${one.peakMiB === 0 ? '' : Math.round(one.peakMiB)} |`,
        );
      }
    }
  }
  lines.push('', '## Start and rest', '', '| door | | s to first answer | MiB at rest |', '|---|---|---|---|');
  for (const { door, subject, startSeconds, residentMiB } of rests) {
    lines.push(`| ${door} | ${subject} | ${startSeconds.toFixed(2)} | ${Math.round(residentMiB)} |`);
  }
  return `${lines.join('\n')}\n`;
}
