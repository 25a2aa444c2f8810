import { execFile } from 'node:child_process';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { adminCommands } from '../../src/admin/commands.js';
import { ensureFirstUser } from '../../src/admin/first-user.js';
import { UserAdmin } from '../../src/admin/users.js';
import { AccountEvents } from '../../src/auth/account-events.js';
import { SignIn } from '../../src/auth/sign-in.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { Secret } from '../../src/core/secret.js';
import { localUsers } from '../support/local-users.js';
import { tempFolder } from '../support/temp.js';

async function setup(t: ExecutionContext) {
  const local = await localUsers(t);
  const events = new AccountEvents();
  const changed: string[] = [];
  events.onChange((name) => changed.push(name));
  const users = new UserAdmin(local.store, local.hasher, events, noLog);
  return { ...local, events, changed, users };
}

/** A key pair made by the real ssh-keygen; returns the public line and what ssh-keygen says of it. */
async function sshKey(t: ExecutionContext, ...options: readonly string[]) {
  const file = join(await tempFolder(t), 'key');
  await promisify(execFile)('ssh-keygen', ['-q', '-N', '', '-C', 'me@host', '-f', file, ...options]);
  const { stdout } = await promisify(execFile)('ssh-keygen', ['-l', '-f', `${file}.pub`]);
  return {
    line: readFileSync(`${file}.pub`, 'utf8'),
    secret: readFileSync(file, 'utf8'),
    fingerprint: stdout.split(' ')[1]!,
  };
}

test('users come, change and go, and sessions hear of it', async (t) => {
  const { users, source, changed } = await setup(t);
  await users.add({ name: 'root', password: new Secret('r'), admin: true });
  const alice = await users.add({ name: 'alice', password: new Secret('a1'), groups: ['staff', 'staff'] });
  t.like(alice, { name: 'alice', admin: false, disabled: false, keys: 0, password: true });
  t.deepEqual(alice.groups, ['staff']);
  t.is((await source.verify('alice', new Secret('a1')))?.name, 'alice');
  await users.passwd('alice', new Secret('a2'));
  t.is(await source.verify('alice', new Secret('a1')), undefined);
  t.is((await source.verify('alice', new Secret('a2')))?.name, 'alice');
  t.deepEqual((await users.setGroups('alice', ['music'])).groups, ['music']);
  t.true((await users.change('alice', { disabled: true })).disabled);
  t.deepEqual(
    users.list().map(({ name }) => name),
    ['alice', 'root'],
  );
  await users.remove('alice');

  t.is(changed.filter((name) => name === 'alice').length, 5);
  t.is((await users.add({ name: 'keys-only' })).password, false);
});

test('what cannot be done is refused with the reason', async (t) => {
  const { users, store, changed } = await setup(t);
  await users.add({ name: 'root', password: new Secret('r'), admin: true });
  const before = changed.length;
  const refused = (promise: Promise<unknown>, code: string, message: RegExp) =>
    t.throwsAsync(promise, { code, message });
  await refused(users.add({ name: 'ROOT', password: new Secret('x') }), 'EEXIST', /a user ROOT already/);
  await refused(users.add({ name: '../x', password: new Secret('x') }), 'EINVAL', /user name has/);
  await refused(users.add({ name: 'bob', password: new Secret('') }), 'EINVAL', /1 to 4096 bytes/);
  await refused(users.add({ name: 'bob', password: new Secret('x'), groups: ['a/b'] }), 'EINVAL', /group name/);
  await refused(users.passwd('nobody', new Secret('x')), 'ENOENT', /no local user nobody/);
  await refused(users.remove('nobody'), 'ENOENT', /no local user/);
  await refused(users.remove('root'), 'EPERM', /last administrator/);
  await refused(users.change('root', { admin: false }), 'EPERM', /last administrator/);
  await refused(users.change('root', { disabled: true }), 'EPERM', /last administrator/);
  await refused(users.addKey('nobody', 'x'), 'ENOENT', /no local user/);
  await refused(users.removeKey('root', 'SHA256:x'), 'ENOENT', /has no key/);
  t.is(changed.length, before);
  t.deepEqual(
    store.users.list().map(({ name }) => name),
    ['root'],
  );
});

test('public keys as ssh-keygen makes them, and nothing else', async (t) => {
  const { users, source } = await setup(t);
  await users.add({ name: 'alice', password: new Secret('a') });
  for (const options of [
    ['-t', 'ed25519'],
    ['-t', 'rsa', '-b', '2048'],
    ['-t', 'ecdsa', '-b', '384'],
  ]) {
    const { line, fingerprint, secret } = await sshKey(t, ...options);
    const report = await users.addKey('alice', line);
    t.is(report.fingerprint, fingerprint);
    t.is(report.comment, 'me@host');
    t.true((await source.publicKeys('alice')).includes(line.split(' ').slice(0, 2).join(' ')));
    await t.throwsAsync(users.addKey('alice', line), { code: 'EEXIST' });
    await t.throwsAsync(users.addKey('alice', secret), { code: 'EINVAL', message: /private key/ });
    const cut = line.replace(/\S{8}(?= me@host)/, '');
    await t.throwsAsync(users.addKey('alice', cut), { code: 'EINVAL', message: /damaged/ });
    await t.throwsAsync(users.addKey('alice', `command="x" ${line}`), { code: 'EINVAL', message: /without options/ });
  }
  const short = await sshKey(t, '-t', 'rsa', '-b', '1024');
  await t.throwsAsync(users.addKey('alice', short.line), { code: 'EINVAL', message: /2048 bits/ });
  for (const bad of [
    '',
    'ssh-ed25519',
    'ssh-dss AAAA',
    'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==',
    `ssh-ed25519 ${'A'.repeat(40)}`,
  ]) {
    await t.throwsAsync(users.addKey('alice', bad), { code: 'EINVAL' }, bad);
  }
  t.is(users.keys('alice').length, 3);
  await users.removeKey('alice', users.keys('alice')[0]!.fingerprint);
  t.is(users.keys('alice').length, 2);
});

test('the first user: one, with a password that is in a private file only', async (t) => {
  const { store, hasher, source } = await localUsers(t);
  const folder = await tempFolder(t);
  const file = join(folder, 'initial-password');
  const elsewhere = join(folder, 'elsewhere');
  writeFileSync(elsewhere, 'untouched');
  symlinkSync(elsewhere, file);
  t.deepEqual(await ensureFirstUser(store, hasher, file), { name: 'admin', file });
  t.is(readFileSync(elsewhere, 'utf8'), 'untouched', 'a planted link is not followed');
  t.is(statSync(file).mode & 0o777, 0o600);
  const password = readFileSync(file, 'utf8');
  t.regex(password, /^[a-zA-Z2-9]{24}\n$/);
  t.like(await source.verify('admin', new Secret(password.trim())), { name: 'admin', admin: true });
  t.is(await ensureFirstUser(store, hasher, file), undefined);
  t.is(readFileSync(file, 'utf8'), password);
  await store.users.remove('admin');
  await store.users.add({ name: 'bob', password: null, admin: false, disabled: false, displayName: null, created: 0 });
  t.is(await ensureFirstUser(store, hasher, file), undefined);
  await store.users.remove('bob');
  await t.throwsAsync(ensureFirstUser(store, hasher, join(folder, 'none', 'x')), { message: /does not exist/ });
  t.false(store.users.any, 'no user whose password nobody knows');
});

test('every command takes what it says and gives JSON', async (t) => {
  const { users, events, source, store } = await setup(t);
  const signIn = new SignIn({ sources: [source], events, log: noLog, meter: noMeter });
  const report = { at: '/a', driver: 'local', readOnly: false, state: 'up', can: [], cannot: [] } as const;
  const commands = adminCommands({
    users,
    mounts: { list: () => [report], test: async (at) => ({ at, reachable: true, milliseconds: 1 }) },
    status: () => ({
      node: 'n',
      version: '0',
      pid: 1,
      started: '',
      memoryBytes: 1,
      openFiles: 0,
      database: { file: store.file, engine: store.engine },
      doors: [],
      mounts: [],
    }),
    explain: async (user, path) => ({ user, path }),
  });
  const { safeParse } = await import('valibot');
  const run = async (command: string, input: unknown): Promise<unknown> => {
    const parsed = safeParse(commands[command]!.input, input);
    if (!parsed.success) throw new Error(`${command}: ${parsed.issues[0].message}`);
    return JSON.parse(JSON.stringify((await commands[command]!.run(parsed.output, {})) ?? {})) as unknown;
  };
  t.like(await run('user/add', { name: 'alice', password: 'pw-1', admin: true, groups: ['g'] }), {
    name: 'alice',
    admin: true,
  });
  await run('user/add', { name: 'bob' });
  t.deepEqual(await run('user/passwd', { name: 'bob', password: 'pw-2' }), {});
  t.is((await signIn.password('bob', new Secret('pw-2'), { address: '::1', door: 'x' }))?.name, 'bob');
  t.like(await run('user/change', { name: 'bob', disabled: true }), { disabled: true });
  t.is(await signIn.password('bob', new Secret('pw-2'), { address: '::1', door: 'x' }), undefined);
  t.like(await run('user/groups', { name: 'bob', groups: ['x'] }), { groups: ['x'] });
  const { line, fingerprint } = await sshKey(t, '-t', 'ed25519');
  t.like(await run('user/key/add', { name: 'bob', key: line }), { fingerprint });
  t.like(await run('user/key/list', { name: 'bob' }), { keys: [{ fingerprint }] });
  t.deepEqual(await run('user/key/remove', { name: 'bob', fingerprint }), {});
  t.is(((await run('user/list', {})) as { users: unknown[] }).users.length, 2);
  t.deepEqual(await run('user/remove', { name: 'bob' }), {});
  t.like(await run('status', {}), { node: 'n' });
  t.like(await run('mount/list', {}), { mounts: [{ at: '/a' }] });
  t.like(await run('mount/test', { at: '/a' }), { reachable: true });
  t.like(await run('explain', { user: 'alice', path: '/x' }), { path: '/x' });
  await t.throwsAsync(run('user/add', { name: 'x', passwort: 'typo' }));
  await t.throwsAsync(run('user/passwd', { name: 'x', password: '' }));
});
