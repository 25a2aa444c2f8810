import type { Command } from 'commander';
import { daemonCommand, daemonOf, tell } from './ask-daemon.js';
import { Failure } from './failure.js';
import type { CommonOptions, Hands } from './hands.js';
import { type MountAnswer, mountTable } from './mount-table.js';
import { printable } from './table.js';

interface TestAnswer {
  readonly at: string;
  readonly reachable: boolean;
  readonly reason?: string;
  readonly milliseconds: number;
}

/** `isthmus mount list | test`. */
export function mountCommand(program: Command, hands: Hands, exit: (code: number) => void): void {
  const mount = program.command('mount').description('storages and their places in the namespace');
  daemonCommand(mount, 'list', 'every mount and its state').action(async (options: CommonOptions) => {
    const answer = await daemonOf(hands, options).call<{ mounts: readonly MountAnswer[] }>('mount/list');
    tell(hands, options, answer.mounts, mountTable);
  });
  daemonCommand(mount, 'test [at]', 'ask the storage of one mount, or of all, whether it answers').action(
    async (at: string | undefined, options: CommonOptions) => {
      const daemon = daemonOf(hands, options);
      const places = at === undefined ? await everyPlace(() => daemon.call('mount/list')) : [at];
      const answers = await Promise.all(places.map((place) => daemon.call<TestAnswer>('mount/test', { at: place })));
      tell(hands, options, answers, (list) => list.map(inWords).join('\n'));
      exit(answers.every(({ reachable }) => reachable) ? 0 : 1);
    },
  );
}

async function everyPlace(list: () => Promise<{ mounts: readonly MountAnswer[] }>): Promise<readonly string[]> {
  const { mounts } = await list();
  if (mounts.length === 0) throw new Failure('there are no mounts to test');
  return mounts.map(({ at }) => at);
}

function inWords({ at, reachable, reason, milliseconds }: TestAnswer): string {
  return reachable
    ? `${printable(at)}: answers (${Math.round(milliseconds)} ms)`
    : `${printable(at)}: does not answer: ${printable(reason ?? 'no reason given')}`;
}
