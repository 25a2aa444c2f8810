import { execFileSync } from 'node:child_process';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type ExecutionContext, type TestFn } from 'ava';
import * as v from 'valibot';
import type { SftpDriver } from '../../mounts/sftp/driver.js';
import { sftpKind } from '../../mounts/sftp/kind.js';
import { isVfsError, type VfsError } from '../../src/core/errors.js';
import { ROOT } from '../../src/core/path.js';
import { Secret } from '../../src/core/secret.js';
import { type Sshd, startSshd } from '../servers/sshd.js';
import { driverOf, keyOf } from '../support/sftp.js';

const test = anyTest as TestFn;
let sshd: Sshd;

test.before(async () => {
  sshd = await startSshd();
});
test.after.always(async () => {
  await sshd?.stop();
});

async function signsIn(t: ExecutionContext, driver: SftpDriver): Promise<void> {
  t.is((await driver.stat(ROOT)).kind, 'directory');
  await driver.close();
}

async function refused(t: ExecutionContext, driver: SftpDriver): Promise<VfsError> {
  const error = await t.throwsAsync<VfsError>(driver.stat(ROOT), { code: 'EAUTH' });
  t.is(error.op, 'stat');
  await driver.close();
  return error;
}

test('password', async (t) => {
  const { user, password } = sshd;
  if (password === undefined) {
    t.false(process.env.CI === 'true', 'needs root');
    t.pass();
    return;
  }
  await signsIn(t, driverOf(sshd, {}, { user, password: new Secret(password) }));
  const wrong = await refused(t, driverOf(sshd, {}, { user, password: new Secret('wrong-secret') }));
  t.false(JSON.stringify(wrong).includes('wrong-secret'));
  t.false(`${wrong.stack}${String(wrong.cause)}`.includes('wrong-secret'));
  await refused(t, driverOf(sshd, {}, { user: 'nobody-here', password: new Secret(password) }));
});

test('key, and key with a passphrase', async (t) => {
  const { user, keyWithPassphrase, passphrase } = sshd;
  await signsIn(t, driverOf(sshd));
  const locked = new Secret(await readFile(keyWithPassphrase, 'utf8'));
  await signsIn(t, driverOf(sshd, {}, { user, privateKey: locked, password: new Secret(passphrase) }));
  await refused(t, driverOf(sshd, {}, { user, privateKey: locked, password: new Secret('wrong') }));
  await refused(t, driverOf(sshd, {}, { user, privateKey: locked }));
  const error = await refused(t, driverOf(sshd, {}, { user, privateKey: new Secret('no key at all') }));
  t.false(error.message.includes('no key at all'));
});

test('lesson 20: empty credentials are refused before the server is asked', async (t) => {
  const nowhere = { ...sshd, port: 1 };
  for (const credentials of [
    {},
    { user: 'alice' },
    { user: 'alice', password: new Secret('') },
    { user: '', password: new Secret('x') },
  ]) {
    // Nothing listens on port 1, so any answer but EAUTH would show that it was asked.
    await refused(t, driverOf(nowhere, {}, credentials));
  }
});

test('refused credentials are not tried again and again', async (t) => {
  const driver = driverOf(sshd, {}, { user: 'nobody-here', password: new Secret('wrong') });
  const first = await t.throwsAsync<VfsError>(driver.stat(ROOT), { code: 'EAUTH' });
  const again = await t.throwsAsync<VfsError>(driver.stat(ROOT), { code: 'EAUTH' });
  t.is(again.cause, first.cause, 'the first answer still holds');
  await driver.close();
});

test('an unknown host key is refused, with the fingerprint to add', async (t) => {
  const error = await refused(t, driverOf(sshd, { hostKeys: [] }));
  t.regex(error.detail!, /ssh-ed25519 key is not known/);
  t.true(error.detail!.includes(`add hostKey: ${sshd.fingerprint}`));
});

test('a pinned key is accepted as fingerprint, as key, and among several', async (t) => {
  const other = 'SHA256:'.padEnd(50, 'A');
  await signsIn(t, driverOf(sshd, { hostKeys: [sshd.hostKey] }));
  await signsIn(t, driverOf(sshd, { hostKeys: [other, sshd.fingerprint] }));
});

test('known_hosts: plain, hashed, patterns, other ports, revoked, unreadable', async (t) => {
  const file = (name: string) => join(sshd.dir, name);
  const known = (name: string) => ({ hostKeys: [], knownHosts: file(name) });
  const where = `[127.0.0.1]:${sshd.port}`;
  await signsIn(t, driverOf(sshd, { hostKeys: [], knownHosts: sshd.knownHosts }));

  await writeFile(file('hashed'), `# a comment\n\n${where} ${sshd.hostKey}\n`);
  execFileSync('ssh-keygen', ['-q', '-H', '-f', file('hashed')], { stdio: 'ignore' });
  t.true((await readFile(file('hashed'), 'utf8')).includes('|1|'));
  await signsIn(t, driverOf(sshd, known('hashed')));

  await writeFile(file('pattern'), `[127.0.?.*]:${sshd.port} ${sshd.hostKey}\n`);
  await signsIn(t, driverOf(sshd, known('pattern')));
  await writeFile(file('negated'), `!${where},[127.*]:${sshd.port} ${sshd.hostKey}\n`);
  await refused(t, driverOf(sshd, known('negated')));
  await writeFile(file('other-port'), `127.0.0.1,[127.0.0.1]:1 ${sshd.hostKey}\n`);
  await refused(t, driverOf(sshd, known('other-port')));

  await writeFile(file('revoked'), `${where} ${sshd.hostKey}\n`);
  await appendFile(file('revoked'), `@revoked * ${sshd.hostKey}\n`);
  t.regex((await refused(t, driverOf(sshd, known('revoked')))).detail!, /revoked/);
  t.regex((await refused(t, driverOf(sshd, known('missing')))).detail!, /knownHosts/);
});

test('a changed host key is refused, and both are told', async (t) => {
  const server = await startSshd();
  try {
    await signsIn(t, driverOf(server));
    await server.kill();
    const after = await server.changeHostKey();
    await server.restart();
    t.not(after, server.fingerprint);
    const error = await refused(t, driverOf(server));
    t.regex(error.detail!, /changed/);
    t.true(error.detail!.includes(after));
    t.true(error.detail!.includes(server.fingerprint));
  } finally {
    await server.stop();
  }
});

test('a folder that is not there is unavailable, not empty', async (t) => {
  const driver = driverOf(sshd, { path: `${sshd.path}/missing` });
  await t.throwsAsync(driver.stat(ROOT), { code: 'EUNAVAILABLE' });
  await t.throwsAsync(driver.list(ROOT)[Symbol.asyncIterator]().next(), { code: 'EUNAVAILABLE' });
  await t.throwsAsync(driver.stat('/below' as typeof ROOT), { code: 'EUNAVAILABLE' });
  await driver.close();
});

test('nothing listens: EUNAVAILABLE', async (t) => {
  const driver = driverOf({ ...sshd, port: 1 });
  const error = await t.throwsAsync<VfsError>(driver.stat(ROOT));
  t.true(isVfsError(error, 'EUNAVAILABLE'));
  await driver.close();
});

test('options are checked', (t) => {
  const parse = (options: unknown) => v.safeParse(sftpKind.options, options);
  t.true(parse({ host: 'files.example.org' }).success);
  t.true(parse({ host: 'files.example.org', hostKey: [sshd.fingerprint, sshd.hostKey], port: 2222 }).success);
  t.deepEqual(parse({ host: 'a', hostKey: sshd.fingerprint }).output, {
    host: 'a',
    port: 22,
    path: '.',
    hostKeys: [sshd.fingerprint],
    knownHosts: undefined,
    connections: 4,
  });
  for (const wrong of [
    {},
    { host: '' },
    { host: 'a', port: 0 },
    { host: 'a', hostKey: 'MD5:00:11' },
    { host: 'a', hostKey: 'SHA256:short' },
    { host: 'a', hostKey: 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAAA' },
    { host: 'a', hostkey: sshd.fingerprint },
    { host: 'a', connections: 0 },
  ]) {
    t.false(parse(wrong).success, JSON.stringify(wrong));
  }
});

test('signing in goes with the key of the user only', async (t) => {
  const { privateKey } = keyOf(sshd);
  await refused(t, driverOf(sshd, {}, { user: 'nobody-here', privateKey }));
});
