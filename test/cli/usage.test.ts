import test from 'ava';
import { Place } from '../support/place.js';

const place = new Place('log: { level: info }\n');
test.after.always(() => place.remove());

const NO_DAEMON = 'no daemon is running on ./data (no ./data/admin.sock); start it with: isthmus serve\n';

for (const args of [['status'], ['user', 'list'], ['mount', 'list', '--json'], ['explain', 'admin', '/']]) {
  test.serial(`without a daemon it says so: ${args.join(' ')}`, async (t) => {
    const { code, stdout, stderr } = await place.run(args);
    t.is(stderr, NO_DAEMON);
    t.is(stdout, '');
    t.is(code, 1);
  });
}

const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no command', [], /^Usage: isthmus/],
  ['an unknown command', ['stats'], /unknown command 'stats'\n\(Did you mean status\?\)/],
  ['a missing argument', ['explain', 'admin'], /missing required argument 'path'/],
  ['an unknown option', ['status', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
  ['one argument too many', ['status', 'now'], /too many arguments/],
  ['a password as argument', ['user', 'passwd', 'admin', 'hunter2'], /too many arguments/],
];

for (const [what, args, says] of WRONG) {
  test.serial(`usage: ${what} is exit code 2`, async (t) => {
    const { code, stderr } = await place.run(args);
    t.regex(stderr, says);
    t.is(code, 2);
  });
}

test.serial('help and version are no mistakes', async (t) => {
  t.is((await place.run(['--help'])).code, 0);
  const { code, stdout } = await place.run(['--version']);
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});
