import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { LocalDriver } from '../../mounts/local/local-driver.js';
import { noLog } from '../../src/core/log.js';
import { ROOT } from '../../src/core/path.js';
import {
  body,
  children,
  leaves,
  listing,
  MiB,
  path,
  pattern,
  readText,
  refused,
  text,
  write,
} from '../conformance/driver/case.js';
import { asRoot, place } from './local-folder.js';

const a = path('/a');

test('a killed process leaves only temporary files, and purge removes them', async (t) => {
  const { driver, root } = place(t);
  await driver.mkdir(path('/folder'));
  await write(driver, path('/folder/file'), 'old');
  const here = fileURLToPath(new URL('../../', import.meta.url));
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { LocalDriver } from ${JSON.stringify(join(here, 'mounts/local/local-driver.js'))};
       import { noLog } from ${JSON.stringify(join(here, 'src/core/log.js'))};
       const driver = new LocalDriver({ path: process.argv[1], create: false }, noLog);
       const endless = async function* () { for (;;) { yield Buffer.alloc(1 << 18, 7); await new Promise((r) => setTimeout(r, 5)); } };
       const making = await driver.replace('/folder/file');
       await making.write(0, Buffer.alloc(1 << 20));
       await Promise.all([driver.put('/folder/file', endless()), driver.put('/folder/new', endless())]);`,
      root,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  const exited = once(child, 'exit');
  const unfinished = () => readdirSync(join(root, 'folder')).filter((name) => name.startsWith(TEMPORARY_PREFIX));
  const written = () => unfinished().filter((name) => statSync(join(root, 'folder', name)).size >= MiB).length;
  for (let waited = 0; written() < 3 && child.exitCode === null && waited < 30_000; waited += 20) await sleep(20);
  child.kill('SIGKILL');
  await exited;

  t.is(unfinished().length, 3);
  t.deepEqual(await listing(driver, path('/folder')), ['file']);
  t.is(await readText(driver, path('/folder/file')), 'old');
  t.is(await driver.purge(Date.now() - 60_000), 0, 'they are too young');
  t.is(await driver.purge(Date.now() + 60_000), 3);
  t.deepEqual(readdirSync(join(root, 'folder')), ['file']);
});

test('purge leaves what this process is writing', async (t) => {
  const { driver } = place(t);
  const making = await driver.replace(a);
  await making.write(0, Buffer.from('x'));
  t.is(await driver.purge(Date.now() + 60_000), 0);
  await making.commit();
  await making.abort();
  t.is(await readText(driver, a), 'x');
});

test('a folder with only unfinished files in it can be removed and replaced', async (t) => {
  const { driver, root } = place(t);
  for (const name of ['one', 'two', 'source']) mkdirSync(join(root, name));
  writeFileSync(join(root, 'one', `${TEMPORARY_PREFIX}left`), 'x');
  writeFileSync(join(root, 'two', `${TEMPORARY_PREFIX}left`), 'x');
  await driver.rmdir(path('/one'));
  await driver.rename(path('/source'), path('/two'));
  t.deepEqual(readdirSync(root), ['two']);
  t.deepEqual(readdirSync(join(root, 'two')), []);
});

test('a put whose folder is moved or removed meanwhile fails, and leaves nothing in either place', async (t) => {
  const { driver, root } = place(t);
  const where = path('/folder/file');
  await driver.mkdir(path('/folder'));
  const moved = async function* () {
    yield pattern(100_000);
    await driver.rename(path('/folder'), path('/moved'));
  };
  await refused(t, driver.put(where, moved()), 'ENOENT');
  t.deepEqual(readdirSync(join(root, 'moved')), []);
  await driver.mkdir(path('/folder'));
  const removed = async function* () {
    yield pattern(100_000);
    await driver.rmdir(path('/folder'));
  };
  await refused(t, driver.put(where, removed()), 'ENOENT');
  await leaves(t, driver, ROOT, 'moved');

  await driver.mkdir(path('/folder'));
  const replaced = async function* () {
    yield pattern(100_000);
    await driver.rmdir(path('/folder'));
    await driver.mkdir(path('/folder'));
  };
  await driver.put(where, replaced());
  t.is((await driver.stat(where)).size, 100_000, 'the same path is there again, so the put is right');
  await leaves(t, driver, path('/folder'), 'file');
});

test('close ends a put whose body hangs, and removes what it wrote', async (t) => {
  const { driver, root } = place(t);
  let hangs = () => {};
  const hanging = new Promise<void>((resolve) => {
    hangs = resolve;
  });
  const put = driver.put(
    a,
    (async function* () {
      yield pattern(100_000);
      hangs();
      await new Promise(() => {});
    })(),
  );
  const ended = refused(t, put, 'EBADF');
  await hanging;
  await driver.close();
  await ended;
  t.deepEqual(readdirSync(root), []);
});

test('a root that is missing is unavailable on every call, never empty; and may come back', async (t) => {
  const { driver, root, top } = place(t);
  await write(driver, a, 'x');
  const file = await driver.open(a);
  const away = async () => {
    await refused(t, driver.stat(ROOT), 'EUNAVAILABLE');
    await refused(t, driver.stat(a), 'EUNAVAILABLE');
    await refused(t, driver.stat(path('/no/where')), 'EUNAVAILABLE');
    await refused(t, children(driver), 'EUNAVAILABLE');
    await refused(t, driver.get(a), 'EUNAVAILABLE');
    await refused(t, driver.put(a, text('x')), 'EUNAVAILABLE');
    await refused(t, driver.mkdir(path('/d')), 'EUNAVAILABLE');
    await refused(t, driver.unlink(a), 'EUNAVAILABLE');
    await refused(t, driver.rmdir(path('/d')), 'EUNAVAILABLE');
    await refused(t, driver.rename(a, path('/b')), 'EUNAVAILABLE');
    await refused(t, driver.copy(a, path('/b')), 'EUNAVAILABLE');
    await refused(t, driver.setattr(a, { mtime: 0 }), 'EUNAVAILABLE');
    await refused(t, driver.symlink(path('/s'), 'x'), 'EUNAVAILABLE');
    await refused(t, driver.readlink(path('/s')), 'EUNAVAILABLE');
    await refused(t, driver.link(a, path('/b')), 'EUNAVAILABLE');
    await refused(t, driver.statfs(ROOT), 'EUNAVAILABLE');
    await refused(t, driver.open(a), 'EUNAVAILABLE');
    await refused(t, driver.replace(a), 'EUNAVAILABLE');
    await refused(t, driver.purge(0), 'EUNAVAILABLE');
  };
  renameSync(root, join(top, 'away'));
  await away();
  writeFileSync(root, 'a file now');
  await away();
  rmSync(root);
  renameSync(join(top, 'away'), root);
  t.is(await readText(driver, a), 'x');
  t.is(await file.read(0, Buffer.alloc(1)), 1);
  await file.close();
  rmSync(root, { recursive: true });
  await away();
  mkdirSync(root);
  t.deepEqual(await listing(driver), [], 'another folder on the same file system is what the path means now');
});

test('a root that vanishes in the middle of a put', async (t) => {
  const { driver, root, top } = place(t);
  const vanishing = async function* () {
    yield pattern(100_000);
    renameSync(root, join(top, 'away'));
  };
  await refused(t, driver.put(a, vanishing()), 'EUNAVAILABLE');
  t.deepEqual(readdirSync(join(top, 'away')), []);
});

test('with create the folder is made once, for its owner only, and not again when it vanishes', async (t) => {
  const { top } = place(t);
  const root = join(top, 'homes', 'alice');
  const plain = new LocalDriver({ path: root, create: false }, noLog);
  await refused(t, plain.stat(ROOT), 'EUNAVAILABLE');
  const driver = new LocalDriver({ path: root, create: true }, noLog);
  await write(driver, a, 'x');
  t.is(statSync(root).mode & 0o777, 0o700);
  rmSync(root, { recursive: true });
  await refused(t, driver.stat(ROOT), 'EUNAVAILABLE');
  await Promise.all([driver.close(), plain.close()]);
});

const onTmpfs = asRoot || process.env.CI === 'true' ? test.serial : test.serial.skip;

onTmpfs('a full disk: ENOSPC, the old content stays and the room comes back', async (t) => {
  const { driver } = place(t, { tmpfs: 'size=4m' });
  await write(driver, a, 'old');
  const { free } = await driver.statfs(ROOT);
  await refused(t, driver.put(a, body(pattern(8 * MiB))), 'ENOSPC');
  await refused(t, driver.put(path('/b'), body(pattern(8 * MiB)), { size: 8 * MiB }), 'ENOSPC');
  t.is(await readText(driver, a), 'old');
  await leaves(t, driver, ROOT, 'a');
  t.is((await driver.statfs(ROOT)).free, free);

  const making = await driver.replace(a);
  await making.write(0, pattern(MiB, 1));
  await refused(t, making.write(MiB, pattern(8 * MiB)), 'ENOSPC');
  t.is(making.size, MiB);
  await making.truncate(MiB);
  await making.commit();
  await making.abort();
  t.is((await driver.stat(a)).size, MiB);

  await write(driver, a, pattern(3 * MiB, 2));
  await refused(t, driver.copy(a, path('/b')), 'ENOSPC');
  await refused(t, driver.replace(a, { keep: true }), 'ENOSPC');
  await leaves(t, driver, ROOT, 'a');
});

onTmpfs('a full disk while a file with two names is replaced: both keep the old content', async (t) => {
  const { driver, root } = place(t, { tmpfs: 'size=4m' });
  const old = pattern(100_000, 1);
  await write(driver, a, old);
  await driver.link(a, path('/b'));
  writeFileSync(join(root, 'filler'), Buffer.alloc(2 * MiB));
  // Room for the temporary file, but not for the longer content in place.
  await refused(t, driver.put(a, body(pattern(1_500_000, 2))), 'ENOSPC');
  t.deepEqual(readFileSync(join(root, 'a')), old);
  t.deepEqual(readFileSync(join(root, 'b')), old);
  await leaves(t, driver, ROOT, 'a', 'b', 'filler');
});

onTmpfs('a root whose file system is taken away is unavailable, not empty', async (t) => {
  const { driver, root } = place(t, { tmpfs: 'size=4m' });
  await write(driver, a, 'x');
  execFileSync('umount', ['-l', root]);
  t.deepEqual(readdirSync(root), []);
  await refused(t, children(driver), 'EUNAVAILABLE');
  await refused(t, driver.stat(a), 'EUNAVAILABLE');
  await refused(t, driver.put(a, text('y')), 'EUNAVAILABLE');
  t.deepEqual(readdirSync(root), [], 'nothing was written into the empty mount point');
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', root]);
  writeFileSync(join(root, 'a'), 'back');
  t.is(await readText(driver, a), 'back');
});
