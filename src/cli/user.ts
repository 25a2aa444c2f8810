import type { Command } from 'commander';
import { daemonCommand, daemonOf, tell } from './ask-daemon.js';
import type { CommonOptions, Hands } from './hands.js';
import { newPassword } from './password.js';
import { table } from './table.js';
import { userKeyCommand } from './user-key.js';

interface UserAnswer {
  readonly name: string;
  readonly displayName?: string;
  readonly admin: boolean;
  readonly disabled: boolean;
  readonly groups: readonly string[];
  readonly keys: number;
  readonly password: boolean;
  readonly created: string;
}

interface PasswordOptions extends CommonOptions {
  readonly passwordStdin?: boolean;
}

interface AddOptions extends PasswordOptions {
  readonly admin?: boolean;
  readonly group?: readonly string[];
  /** commander's name for `--no-password`. */
  readonly password: boolean;
}

const FROM_STDIN = ['--password-stdin', 'take the password from the first line of standard input'] as const;

/** `isthmus user add | passwd | list | groups | enable | disable | remove | key`. */
export function userCommand(program: Command, hands: Hands): void {
  const user = program.command('user').description('local users');

  daemonCommand(user, 'add <name>', 'add a user; asks for the password')
    .option('--admin', 'make them an administrator')
    .option('--group <name...>', 'groups they are in')
    .option(...FROM_STDIN)
    .option('--no-password', 'no sign-in with a password, only with keys')
    .action(async (name: string, options: AddOptions) => {
      const daemon = daemonOf(hands, options);
      const password = options.password
        ? { password: (await newPassword(name, options.passwordStdin === true)).reveal() }
        : {};
      const body = { name, admin: options.admin === true, groups: options.group ?? [], ...password };
      tell(hands, options, await daemon.call<UserAnswer>('user/add', body), (added) => `added ${added.name}`);
    });

  daemonCommand(user, 'passwd <name>', 'set a new password')
    .option(...FROM_STDIN)
    .action(async (name: string, options: PasswordOptions) => {
      const daemon = daemonOf(hands, options);
      const password = await newPassword(name, options.passwordStdin === true);
      const answer = await daemon.call('user/passwd', { name, password: password.reveal() });
      tell(hands, options, answer, () => `the password of ${name} is set`);
    });

  daemonCommand(user, 'list', 'every local user').action(async (options: CommonOptions) => {
    const { users } = await daemonOf(hands, options).call<{ users: readonly UserAnswer[] }>('user/list');
    tell(hands, options, users, userTable);
  });

  daemonCommand(user, 'groups <name> [groups...]', 'put a user into these groups and no others').action(
    async (name: string, groups: readonly string[], options: CommonOptions) => {
      const answer = await daemonOf(hands, options).call<UserAnswer>('user/groups', { name, groups });
      tell(hands, options, answer, (now) => `${name} is in ${now.groups.join(', ') || 'no group'}`);
    },
  );

  for (const [verb, disabled] of [
    ['enable', false],
    ['disable', true],
  ] as const) {
    daemonCommand(user, `${verb} <name>`, disabled ? 'refuse every sign-in from now on' : 'let them in again').action(
      async (name: string, options: CommonOptions) => {
        const answer = await daemonOf(hands, options).call<UserAnswer>('user/change', { name, disabled });
        tell(hands, options, answer, () => `${name} is ${verb}d`);
      },
    );
  }

  daemonCommand(user, 'remove <name>', 'remove a user; their files stay').action(
    async (name: string, options: CommonOptions) => {
      const answer = await daemonOf(hands, options).call('user/remove', { name });
      tell(hands, options, answer, () => `removed ${name}; the files of their home stay where they are`);
    },
  );

  userKeyCommand(user, hands);
}

function userTable(users: readonly UserAnswer[]): string {
  return table(
    ['name', 'role', 'state', 'groups', 'password', 'keys', 'created'],
    users.map((user) => [
      user.name,
      user.admin ? 'admin' : 'user',
      user.disabled ? 'disabled' : 'enabled',
      user.groups.join(',') || '-',
      user.password ? 'yes' : 'no',
      String(user.keys),
      user.created.replace(/\.\d+Z$/, 'Z'),
    ]),
    'no users; add one with: isthmus user add NAME --admin',
  );
}
