import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { noLog } from '../../src/core/log.js';
import { Connection } from '../../src/store/connection.js';
import { type EngineName, loadEngine } from '../../src/store/engine.js';
import { migrate } from '../../src/store/migrate.js';
import { migrations } from '../../src/store/migrations/index.js';
import { openStore } from '../../src/store/store.js';
import { StoreError, type StoreReason } from '../../src/store/store-error.js';
import type { UserRow } from '../../src/store/users.js';
import { ThreadWriter } from '../../src/store/writer.js';
import { tempFolder } from '../support/temp.js';

const ENGINES: readonly EngineName[] = ['better-sqlite3', 'libsql'];

function user(name: string, rest: Partial<UserRow> = {}): UserRow {
  return { name, password: null, admin: false, disabled: false, displayName: null, created: 1, ...rest };
}

for (const engine of ENGINES) {
  test(`${engine}: migrates from empty, once, and keeps what it holds`, async (t) => {
    const file = join(await tempFolder(t), 'isthmus.db');
    const store = await openStore({ file, log: noLog, engine });
    t.is(store.engine, engine);
    t.is(statSync(file).mode & 0o777, 0o600);
    t.is(statSync(`${file}-wal`).mode & 0o777, 0o600);
    await store.users.add(user('alice', { admin: true, displayName: 'Älice' }));
    await store.close();
    await store.close();
    await t.throwsAsync(store.users.add(user('late')), { code: 'EBADF' });
    const again = await openStore({ file, log: noLog, engine });
    t.deepEqual(again.users.list(), [user('alice', { admin: true, displayName: 'Älice' })]);
    await again.close();
    const connection = new Connection(loadEngine(engine), file, { readOnly: false, busyTimeout: 0 });
    t.teardown(() => connection.close());
    t.is(connection.pragma('user_version'), migrations().length);
    const schema = connection.all('SELECT sql FROM sqlite_schema');
    migrate(connection, file, migrations());
    t.deepEqual(connection.all('SELECT sql FROM sqlite_schema'), schema);
  });

  test(`${engine}: a failing migration changes nothing`, async (t) => {
    const file = join(await tempFolder(t), 'x.db');
    const connection = new Connection(loadEngine(engine), file, { readOnly: false, busyTimeout: 0 });
    t.teardown(() => connection.close());
    const twice = migrations()[0]!;
    t.throws(() => migrate(connection, file, [twice, twice]), { message: /already exists/ });
    t.deepEqual(connection.all('SELECT * FROM sqlite_schema'), []);
    t.is(connection.pragma('user_version'), 0);
  });

  test(`${engine}: what cannot be opened is refused with the way out, and left as it is`, async (t) => {
    const folder = await tempFolder(t);
    const good = join(folder, 'good.db');
    const store = await openStore({ file: good, log: noLog, engine });
    for (let i = 0; i < 200; i += 1) await store.settings.set(`key ${i}`, 'x'.repeat(500));
    await store.close();

    const refused = async (name: string, reason: StoreReason, message: RegExp): Promise<void> => {
      const file = join(folder, name);
      const before = statSync(file, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(file) : undefined;
      const error = await t.throwsAsync(openStore({ file, log: noLog, engine }), { instanceOf: StoreError });
      t.is(error?.reason, reason, error?.message);
      t.regex(error?.message ?? '', message);
      t.false(error?.message.includes('\n'));
      if (before !== undefined) t.true(before.equals(readFileSync(file)), name);
    };
    const withCopy = (name: string, change: (file: string) => void): string => {
      copyFileSync(good, join(folder, name));
      change(join(folder, name));
      return name;
    };
    const sql = (statements: string) => (file: string) => {
      const connection = new Connection(loadEngine(engine), file, { readOnly: false, busyTimeout: 0 });
      connection.exec(statements);
      connection.close();
    };

    await refused(withCopy('newer.db', sql('PRAGMA user_version = 999')), 'newer', /newer isthmus \(schema 999/);
    await refused(withCopy('foreign.db', sql('PRAGMA application_id = 42')), 'foreign', /another program/);
    const torn = withCopy('torn.db', (file) => {
      const bytes = readFileSync(file);
      bytes.fill(0xa5, 4096 * 4, 4096 * 7);
      bytes.fill(0xa5, bytes.length - 4096 * 3);
      writeFileSync(file, bytes);
    });
    await refused(torn, 'damaged', /damaged .*backup/);
    await refused(
      withCopy('short.db', (file) => truncateSync(file, 4096 * 5)),
      'damaged',
      /backup/,
    );
    await refused(
      withCopy('text.db', (file) => writeFileSync(file, 'not a database '.repeat(999))),
      'damaged',
      /not a database/,
    );
    mkdirSync(join(folder, 'folder.db'));
    await refused('folder.db', 'failed', /not a regular file/);
    await refused('nowhere/x.db', 'missing', /does not exist/);
  });

  test(`${engine}: users, groups, keys`, async (t) => {
    const file = join(await tempFolder(t), 'x.db');
    const { users, groups, sshKeys, close } = await openStore({ file, log: noLog, engine });
    t.teardown(close);
    t.false(users.any);
    t.true(await users.addFirst(user('admin')));
    t.false(await users.addFirst(user('other')));
    t.true(users.any);
    await t.throwsAsync(users.add(user('Admin')), { code: 'EEXIST' });
    await users.add(user('bob', { password: 'h1' }));
    t.true(await users.setPassword('bob', 'h2'));
    t.false(await users.setPassword('nobody', 'h2'));
    await users.rehash('bob', 'h1', 'late');
    t.is(users.find('bob')?.password, 'h2');
    await users.rehash('bob', 'h2', 'h3');
    t.is(users.find('bob')?.password, 'h3');
    t.true(await users.setFlags('bob', { disabled: true }));
    t.deepEqual(users.find('bob'), user('bob', { password: 'h3', disabled: true }));
    t.is(users.find('BOB'), undefined);
    t.is(users.find("bob' OR '1'='1"), undefined);
    await groups.set('bob', ['staff', 'abc', 'staff']);
    t.deepEqual(groups.of('bob'), ['abc', 'staff']);
    await t.throwsAsync(groups.set('nobody', ['staff']), { code: 'ENOENT' });
    const key = { user: 'bob', fingerprint: 'SHA256:x', key: 'ssh-ed25519 AAAA', comment: '', created: 5 };
    await sshKeys.add(key);
    await t.throwsAsync(sshKeys.add(key), { code: 'EEXIST' });
    t.deepEqual(sshKeys.of('bob'), [key]);
    t.false(await sshKeys.remove('admin', 'SHA256:x'));
    t.true(await users.remove('bob'));
    t.false(await users.remove('bob'));
    t.deepEqual([groups.of('bob'), sshKeys.of('bob')], [[], []]);
  });

  test(`${engine}: writes take effect in order, each whole, one failure is nobody else's`, async (t) => {
    const file = join(await tempFolder(t), 'x.db');
    const { users, settings, close } = await openStore({ file, log: noLog, engine });
    t.teardown(close);
    const writes = Array.from({ length: 2000 }, (_, i) => settings.set('counter', String(i)));
    const twice = Promise.allSettled([users.add(user('a')), users.add(user('a')), users.add(user('b'))]);
    await Promise.all(writes);
    t.is(settings.get('counter'), '1999');
    t.deepEqual(
      (await twice).map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    await settings.remove('counter');
    t.is(settings.get('counter'), undefined);
  });
}

test('libsql takes over where better-sqlite3 was not compiled, on the same file', async (t) => {
  const file = join(await tempFolder(t), 'x.db');
  t.is(loadEngine().name, 'better-sqlite3');
  const store = await openStore({ file, log: noLog });
  await store.settings.set('kept', 'yes');
  await store.close();
  const child = fork(fileURLToPath(new URL('./without-compiler.js', import.meta.url)), [file]);
  const exit = once(child, 'exit');
  t.is((await once(child, 'message'))[0], 'libsql');
  t.deepEqual(await exit, [0, null]);
  const again = await openStore({ file, log: noLog });
  t.teardown(() => again.close());
  t.is(again.settings.get('kept'), 'yes');
  t.is(again.settings.get('by'), 'libsql');
});

test('a writing thread that dies is replaced; what it had under way is refused, what waits goes on', async (t) => {
  const errors: object[] = [];
  const log = { ...noLog, error: (fields: object) => errors.push(fields) };
  const script = new URL('./dying-thread.js', import.meta.url);
  const writer = await ThreadWriter.open({ file: '/nowhere', engine: 'better-sqlite3' }, log, script);
  const statement = { sql: 'SELECT 1', parameters: [] };
  t.deepEqual(await writer.write('one', statement), [1]);
  const two = writer.write('two', statement);
  await Promise.resolve();
  const three = writer.write('three', statement);
  await t.throwsAsync(two, { code: 'EIO' });
  t.deepEqual(await three, [1]);
  t.is(errors.length, 1);
  await t.throwsAsync(writer.write('four', statement), { code: 'EIO' });
  await writer.close();
  await t.throwsAsync(writer.write('late', statement), { code: 'EBADF' });
});

test('a value that cannot cross to the thread is refused and ends nothing', async (t) => {
  const writer = await ThreadWriter.open({ file: join(await tempFolder(t), 'x.db'), engine: 'better-sqlite3' }, noLog);
  await t.throwsAsync(writer.write('bad', { sql: 'SELECT ?', parameters: [() => {}] }), { code: 'EIO' });
  await t.throwsAsync(writer.write('bad', { sql: 'SELEC', parameters: [] }), { code: 'EIO' });
  const good = { sql: "INSERT INTO settings (key, value) VALUES ('a', 'b')", parameters: [] };
  t.deepEqual(await writer.write('good', good), [1]);
  await t.throwsAsync(writer.write('twice', good), { code: 'EEXIST' });
  await writer.close();
});
