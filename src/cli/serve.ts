import type { Command } from 'commander';
import type { CommonOptions, Hands } from './hands.js';

/** `isthmus serve`: the daemon, in the foreground. */
export function serveCommand(program: Command, hands: Hands, exit: (code: number) => void): void {
  program
    .command('serve')
    .description('run the daemon in the foreground')
    .option('--config <file>', 'the configuration file')
    .action(async ({ config }: CommonOptions) => {
      exit(await hands.serve(() => hands.load(config)));
    });
}
