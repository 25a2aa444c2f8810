import type { Command } from 'commander';
import type { CommonOptions, Hands, StorageReport } from './hands.js';
import { printable } from './table.js';

/** `isthmus check`: is the configuration right, do the storages answer, and what can each do? */
export function checkCommand(program: Command, hands: Hands, exit: (code: number) => void): void {
  program
    .command('check')
    .description('validate the configuration, reach every mount, say what each can and cannot do')
    .option('--config <file>', 'the configuration file')
    .option('--json', 'for programs')
    .action(async ({ config: file, json }: CommonOptions) => {
      const config = await hands.load(file);
      const storages = await hands.reach(config);
      hands.print(
        json
          ? JSON.stringify({ configuration: config.source, storages }, undefined, 2)
          : [`${config.source}: valid`, ...storages.map(describe)].join('\n'),
      );
      exit(storages.every(({ reachable }) => reachable) ? 0 : 1);
    });
}

function describe({ at, driver, reachable, reason, can, cannot }: StorageReport): string {
  const state = reachable ? 'answers' : `does not answer: ${printable(reason ?? 'no reason given')}`;
  const lines = [`${printable(at)} (${driver}): ${state}`, `  can: ${can.join(', ')}`];
  if (cannot.length > 0) lines.push(`  cannot: ${cannot.join(', ')}`);
  return lines.join('\n');
}
