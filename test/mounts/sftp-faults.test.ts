import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';
import { TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { layered } from '../../mounts/layers/index.js';
import { type Bytes, collect, once } from '../../src/core/bytes.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { parsePath, ROOT } from '../../src/core/path.js';
import { pattern } from '../conformance/driver/case.js';
import { type Sshd, startSshd } from '../servers/sshd.js';
import { faultProxy } from '../support/fault-proxy.js';
import { driverOf, folderOf } from '../support/sftp.js';

const test = anyTest as TestFn;
const MiB = 1024 * 1024;
const file = parsePath('/file');
let sshd: Sshd;

test.before(async () => {
  sshd = await startSshd({ ...(process.getuid?.() === 0 ? { small: 4 * MiB } : {}) });
});
test.after.always(async () => {
  await sshd?.stop();
});

/** Chunks without end; `at` is called before each. */
async function* endless(at: (chunk: number) => Promise<void>): Bytes {
  for (let chunk = 0; ; chunk++) {
    await at(chunk);
    yield pattern(256 * 1024, chunk);
  }
}

test.serial(
  'the server dies in the middle of a put: the old content stays, and the next call works after',
  async (t) => {
    const { local, path } = await folderOf(sshd);
    const driver = driverOf(sshd, { path });
    await driver.put(file, once(Buffer.from('old')));
    const dying = endless(async (chunk) => {
      if (chunk === 20) await sshd.kill();
    });
    await t.throwsAsync(driver.put(file, dying), { code: 'EUNAVAILABLE' });
    t.is(await readFile(join(local, 'file'), 'utf8'), 'old');
    await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' }, 'not ENOENT: the server is away');
    await sshd.restart();
    t.is((await driver.stat(file)).size, 3);
    // What the broken upload left is removed with the next connection.
    for (let tries = 0; tries < 100 && readdirSync(local).length > 1; tries++) await sleep(20);
    t.deepEqual(readdirSync(local), ['file']);
    await driver.close();
  },
);

test.serial('the server dies in the middle of a get: an error, not a short body', async (t) => {
  const { local, path } = await folderOf(sshd);
  await writeFile(join(local, 'file'), pattern(64 * MiB));
  const driver = driverOf(sshd, { path });
  const body = (await driver.get(file))[Symbol.asyncIterator]();
  let got = (await body.next()).value!.length;
  await sshd.kill();
  await t.throwsAsync(
    async () => {
      for (;;) {
        const { done, value } = await body.next();
        if (done) return;
        got += value.length;
      }
    },
    { code: 'EUNAVAILABLE' },
  );
  t.true(got < 64 * MiB);
  await sshd.restart();
  t.is((await collect(await driver.get(file))).length, 64 * MiB);
  await rm(join(local, 'file'));
  await driver.close();
});

test.serial('a listing that breaks off throws', async (t) => {
  const { local, path } = await folderOf(sshd);
  for (let at = 0; at < 3_000; at++) await writeFile(join(local, `f${at}`), '');
  const driver = driverOf(sshd, { path });
  const pages = driver.list(ROOT)[Symbol.asyncIterator]();
  await pages.next();
  await sshd.kill();
  await t.throwsAsync(
    async () => {
      while (!(await pages.next()).done);
    },
    { code: 'EUNAVAILABLE' },
  );
  await sshd.restart();
  await driver.close();
});

test.serial('an open file goes on after a restart; replaced or gone it is ESTALE', async (t) => {
  const { local, path } = await folderOf(sshd);
  const bytes = pattern(MiB);
  for (const name of ['same', 'replaced', 'gone']) await writeFile(join(local, name), bytes);
  const driver = driverOf(sshd, { path });
  const [same, replaced, gone] = await Promise.all(
    ['/same', '/replaced', '/gone'].map((name) => driver.open(parsePath(name))),
  );
  const into = Buffer.alloc(700_000);
  t.is(await same!.read(100_000, into), 700_000);
  await unlink(join(local, 'gone'));
  t.is(await gone!.read(500_000, into), MiB - 500_000, 'unlinked, but still open at the server');
  await sshd.kill();
  await t.throwsAsync(same!.read(0, into), { code: 'EUNAVAILABLE' });
  await writeFile(join(local, 'replaced'), 'other');
  await sshd.restart();
  into.fill(0);
  t.is(await same!.read(100_000, into), 700_000);
  t.true(into.equals(bytes.subarray(100_000, 800_000)));
  await t.throwsAsync(replaced!.read(0, into), { code: 'ESTALE' });
  await t.throwsAsync(gone!.read(0, into), { code: 'ESTALE' });
  for (const opened of [same, replaced, gone]) await opened!.close();
  await t.throwsAsync(same!.read(0, into), { code: 'EBADF' });
  await driver.close();
});

test.serial('connections that idle through a restart are replaced without an error', async (t) => {
  const { path } = await folderOf(sshd);
  const driver = driverOf(sshd, { path });
  await Promise.all(Array.from({ length: 8 }, (_, at) => driver.put(parsePath(`/${at}`), once(Buffer.from('x')))));
  await sshd.kill();
  await sshd.restart();
  await sleep(100);
  await driver.mkdir(parsePath('/folder'));
  t.is((await driver.stat(parsePath('/folder'))).kind, 'directory');
  await driver.close();
});

test.serial('a link that passes nothing ends at the deadline, and the mount comes back with it', async (t) => {
  const { local, path } = await folderOf(sshd);
  await writeFile(join(local, 'file'), pattern(16 * MiB));
  const proxy = await faultProxy({ port: sshd.port });
  const driver = layered(driverOf({ ...sshd, port: proxy.port }, { path }), {
    mount: '/sftp',
    meter: noMeter,
    log: noLog,
    deadlines: { call: 1_500, stall: 1_500, grace: 200 },
    breaker: { coolDown: 50 },
  });
  try {
    t.is((await driver.stat(file)).size, 16 * MiB);
    const body = (await driver.get(file))[Symbol.asyncIterator]();
    await body.next();
    proxy.faults.stall = true;
    const put = driver.put(
      parsePath('/new'),
      endless(async () => {}),
    );
    const readOn = async (): Promise<void> => {
      while (!(await body.next()).done);
    };
    const codes = await Promise.all(
      [put, readOn(), driver.stat(file), driver.list(ROOT)[Symbol.asyncIterator]().next()].map((one) =>
        one.then(
          () => 'ok',
          (error: { code: string }) => error.code,
        ),
      ),
    );
    t.deepEqual(codes, ['ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT', 'ETIMEDOUT']);
    t.false(existsSync(join(local, 'new')));
    proxy.faults.stall = false;
    proxy.cut();
    for (let tries = 0; tries < 200; tries++) {
      if ((await driver.stat(file).catch(() => undefined)) !== undefined) break;
      await sleep(50);
    }
    t.is((await driver.stat(file)).size, 16 * MiB);
    t.is(driver.state().breaker, 'closed');
  } finally {
    await driver.close();
    await proxy.close();
  }
});

test.serial('a link cut at any byte of an upload: old or new, never a mix', async (t) => {
  const { local, path } = await folderOf(sshd);
  await writeFile(join(local, 'file'), 'old');
  const content = pattern(3 * MiB);
  for (const cutUploadAfter of [1_000, 3_000, 5_000, 100_000, 2 * MiB, 3 * MiB, 3 * MiB + 5_000, 3 * MiB + 9_000]) {
    const proxy = await faultProxy({ port: sshd.port, cutUploadAfter });
    const driver = driverOf({ ...sshd, port: proxy.port }, { path, connections: 1 });
    const code = await driver.put(file, once(content)).then(
      () => 'ok',
      (error: { code: string }) => error.code,
    );
    t.true(['ok', 'EUNAVAILABLE'].includes(code), `${cutUploadAfter}: ${code}`);
    const now = await readFile(join(local, 'file'));
    t.true(now.equals(content) || (now.toString() === 'old' && code !== 'ok'), `after ${cutUploadAfter} bytes`);
    await driver.close();
    await proxy.close();
  }
});

test.serial('a full disk: ENOSPC, the old content stays, the room is given back', async (t) => {
  if (process.getuid?.() !== 0) {
    t.false(process.env.CI === 'true', 'needs root');
    t.pass();
    return;
  }
  const driver = driverOf(sshd, { path: `${sshd.path}/small` });
  await driver.put(file, once(Buffer.from('old')));
  await t.throwsAsync(driver.put(file, once(pattern(6 * MiB))), { code: 'ENOSPC' });
  t.is((await collect(await driver.get(file))).toString(), 'old');
  const { total, free } = await driver.statfs(ROOT);
  t.true(free! > total! - MiB, 'nothing is left behind');
  t.is(await driver.purge(Date.now() + 1_000_000), 0);
  await driver.copy(file, parsePath('/copy'));
  await driver.put(file, once(pattern(3 * MiB)));
  await t.throwsAsync(driver.copy(file, parsePath('/copy')), { code: 'ENOSPC' });
  t.is((await collect(await driver.get(parsePath('/copy')))).toString(), 'old');
  t.deepEqual((await driver.stat(parsePath('/copy'))).size, 3);
  await driver.close();
});

test.serial('what others put there: links out of the root, odd names, pipes, unreadable files', async (t) => {
  const { local, path } = await folderOf(sshd);
  await promisify(execFile)('mkfifo', [join(local, 'pipe')]);
  await symlink('/etc', join(local, 'out'));
  await symlink('..', join(local, 'up'));
  await mkdir(join(local, 'real'));
  await symlink('real', join(local, 'alias'));
  await writeFile(join(local, 'real', 'file'), 'x');
  await writeFile(Buffer.concat([Buffer.from(`${local}/bad`), Buffer.from([0xff, 0xfe])]), 'x');
  await writeFile(join(local, `${TEMPORARY_PREFIX}x`), 'x');
  const driver = driverOf(sshd, { path });
  const names: string[] = [];
  for await (const page of driver.list(ROOT)) names.push(...page.map(({ name }) => name));
  t.deepEqual(names.sort(), ['alias', 'out', 'real', 'up']);
  await t.throwsAsync(driver.stat(parsePath('/pipe')), { code: 'ENOENT' });
  await t.throwsAsync(driver.get(parsePath('/pipe')), { code: 'ENOENT' });
  for (const link of ['out', 'up', 'alias']) {
    const below = parsePath(`/${link}/file`);
    await t.throwsAsync(driver.get(parsePath(`/${link}`)), { code: 'ELOOP' });
    for (const attempt of [
      () => driver.stat(below),
      () => driver.get(below),
      () => driver.open(below),
      () => driver.put(below, once(Buffer.from('x'))),
      () => driver.mkdir(below),
      () => driver.unlink(below),
      () => driver.rmdir(below),
      () => driver.rename(below, file),
      () => driver.rename(parsePath('/real'), below),
      () => driver.copy(below, file),
      () => driver.copy(parsePath('/real/file'), below),
      () => driver.link(parsePath('/real/file'), below),
      () => driver.symlink(below, 'x'),
      () => driver.readlink(below),
      () => driver.setattr(below, { mode: 0o777 }),
      () => driver.statfs(below),
      () => driver.list(below)[Symbol.asyncIterator]().next(),
    ]) {
      await t.throwsAsync<Error & { code: string }>(attempt, { code: 'ELOOP' }, `${link}: ${attempt}`);
    }
  }
  // A folder that we know to be real, swapped for a link by ourselves, is no longer taken for one.
  t.is((await driver.stat(parsePath('/real/file'))).size, 1);
  await driver.rename(parsePath('/real'), parsePath('/away'));
  await driver.symlink(parsePath('/real'), '/etc');
  await t.throwsAsync(driver.get(parsePath('/real/passwd')), { code: 'ELOOP' });
  await driver.close();
});

test.serial('a gigabyte there and back in a process of at most 200 MiB', async (t) => {
  const { local, path } = await folderOf(sshd);
  const program = fileURLToPath(new URL('../support/sftp-transfer.js', import.meta.url));
  const { host, port, user, key, fingerprint } = sshd;
  const settings = { host, port, user, key, fingerprint, path, bytes: 1024 * MiB };
  for (const direction of ['put', 'get']) {
    const { stdout } = await promisify(execFile)(process.execPath, [
      program,
      JSON.stringify({ ...settings, direction }),
    ]);
    const { peak, bytes } = JSON.parse(stdout) as { peak: number; bytes: number };
    t.log(`${direction}: ${stdout.trim()}`);
    t.is(bytes, 1024 * MiB);
    t.true(peak < 200 * MiB, `${direction}: ${Math.round(peak / MiB)} MiB`);
  }
  await rm(local, { recursive: true });
});
