import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { daemonCommand, daemonOf, tell } from './ask-daemon.js';
import { Failure } from './failure.js';
import type { CommonOptions, Hands } from './hands.js';
import { table } from './table.js';

interface KeyAnswer {
  readonly fingerprint: string;
  readonly type: string;
  readonly comment: string;
  readonly added: string;
}

/** `isthmus user key add | list | remove`: SSH keys that may sign in. */
export function userKeyCommand(user: Command, hands: Hands): void {
  const key = user.command('key').description('SSH public keys of a user');

  daemonCommand(key, 'add <name> <file>', 'let the key in a file sign in; - is standard input').action(
    async (name: string, file: string, options: CommonOptions) => {
      const answer = await daemonOf(hands, options).call<KeyAnswer>('user/key/add', { name, key: readKey(file) });
      tell(hands, options, answer, (added) => `added ${added.type} ${added.fingerprint} for ${name}`);
    },
  );

  daemonCommand(key, 'list <name>', 'every key of a user').action(async (name: string, options: CommonOptions) => {
    const { keys } = await daemonOf(hands, options).call<{ keys: readonly KeyAnswer[] }>('user/key/list', { name });
    tell(hands, options, keys, (list) =>
      table(
        ['fingerprint', 'type', 'comment', 'added'],
        list.map((one) => [one.fingerprint, one.type, one.comment || '-', one.added.replace(/\.\d+Z$/, 'Z')]),
        `${name} has no keys`,
      ),
    );
  });

  daemonCommand(key, 'remove <name> <fingerprint>', 'refuse a key from now on').action(
    async (name: string, fingerprint: string, options: CommonOptions) => {
      const answer = await daemonOf(hands, options).call('user/key/remove', { name, fingerprint });
      tell(hands, options, answer, () => `removed ${fingerprint}`);
    },
  );
}

function readKey(file: string): string {
  try {
    const text = readFileSync(file === '-' ? 0 : file, 'utf8');
    if (text.includes('PRIVATE KEY')) throw new Failure(`${file} is a private key; give the public one (${file}.pub)`);
    return text.trim();
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
}
