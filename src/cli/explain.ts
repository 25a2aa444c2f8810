import type { Command } from 'commander';
import { daemonCommand, daemonOf, tell } from './ask-daemon.js';
import type { CommonOptions, Hands } from './hands.js';
import { printable } from './table.js';

interface Decision {
  readonly allowed: boolean;
  readonly because: string;
}

interface Explanation {
  readonly user: string;
  readonly path: string;
  readonly mount: { readonly at: string; readonly driver: string; readonly home: boolean; readonly inner: string };
  readonly read: Decision;
  readonly write: Decision;
  readonly locks: readonly { readonly path: string; readonly holder: string; readonly until: string }[];
  readonly hidden: readonly { readonly at: string; readonly because: string }[];
}

/** `isthmus explain USER PATH`: what may they do there, and why. */
export function explainCommand(program: Command, hands: Hands): void {
  daemonCommand(program, 'explain <user> <path>', 'what a user may do at a path, and what decided it').action(
    async (user: string, path: string, options: CommonOptions) => {
      const answer = await daemonOf(hands, options).call<Explanation>('explain', { user, path });
      tell(hands, options, answer, inWords);
    },
  );
}

function inWords({ user, path, mount, read, write, locks, hidden }: Explanation): string {
  const where = mount.home ? `the home of ${user}` : `the mount ${mount.at}`;
  const lines = [
    `${path} lies in ${where} (${mount.driver}), there at ${mount.inner}`,
    `read:  ${verdict(read)}`,
    `write: ${verdict(write)}`,
    ...locks.map((lock) => `lock:  ${lock.holder} holds ${lock.path} until ${lock.until}`),
    ...hidden.map(({ at, because }) => `not seen: ${at}: ${because}`),
  ];
  return lines.map(printable).join('\n');
}

function verdict({ allowed, because }: Decision): string {
  return `${allowed ? 'yes' : 'no'}, because ${because}`;
}
