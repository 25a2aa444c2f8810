import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { isVfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';
import { body, children, listing, path, pattern, readText, refused, text, write } from '../conformance/driver/case.js';
import { place } from './local-folder.js';

test('symbolic links that point out are shown, and never followed', async (t) => {
  const { driver, root, outside } = place(t);
  writeFileSync(join(outside, 'secret'), 'secret');
  symlinkSync(outside, join(root, 'out'));
  symlinkSync(join(outside, 'secret'), join(root, 'file'));
  symlinkSync('../outside', join(root, 'relative'));
  writeFileSync(join(root, 'own'), 'own');

  for (const link of ['/out', '/relative']) {
    t.is((await driver.stat(path(link))).kind, 'symlink');
    const below = path(`${link}/secret`);
    const fresh = path(`${link}/fresh`);
    await refused(t, children(driver, path(link)), 'ELOOP');
    await refused(t, driver.stat(below), 'ELOOP');
    await refused(t, driver.get(below), 'ELOOP');
    await refused(t, driver.open(below), 'ELOOP');
    await refused(t, driver.put(below, text('x')), 'ELOOP');
    await refused(t, driver.put(fresh, text('x')), 'ELOOP');
    await refused(t, driver.replace(fresh), 'ELOOP');
    await refused(t, driver.mkdir(fresh), 'ELOOP');
    await refused(t, driver.unlink(below), 'ELOOP');
    await refused(t, driver.rename(below, path('/stolen')), 'ELOOP');
    await refused(t, driver.rename(path('/own'), fresh), 'ELOOP');
    await refused(t, driver.copy(below, path('/stolen')), 'ELOOP');
    await refused(t, driver.copy(path('/own'), fresh), 'ELOOP');
    await refused(t, driver.link(below, path('/stolen')), 'ELOOP');
    await refused(t, driver.link(path('/own'), fresh), 'ELOOP');
    await refused(t, driver.symlink(fresh, 'x'), 'ELOOP');
    await refused(t, driver.setattr(below, { mode: 0o777 }), 'ELOOP');
    await refused(t, driver.statfs(below), 'ELOOP');
  }
  const file = path('/file');
  await refused(t, driver.get(file), 'ELOOP');
  await refused(t, driver.open(file), 'ELOOP');
  await refused(t, driver.put(file, text('x')), 'ELOOP');
  await refused(t, driver.replace(file), 'ELOOP');
  await refused(t, driver.copy(file, path('/stolen')), 'ELOOP');
  await refused(t, driver.copy(path('/own'), file), 'ELOOP');
  await refused(t, driver.setattr(file, { mode: 0o777 }), 'ENOTSUP');
  await driver.setattr(file, { mtime: 0 });
  t.not(lstatSync(join(outside, 'secret')).mtimeMs, 0);

  // A hard link to the symbolic link is one more symbolic link, not a name for what it points at.
  await driver.link(file, path('/again'));
  t.is((await driver.stat(path('/again'))).kind, 'symlink');
  t.is(await driver.purge(Date.now() + 1e6), 0);
  t.deepEqual(readdirSync(outside), ['secret']);
  t.is(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
});

test('a path that goes up is refused even when somebody forges one', async (t) => {
  const { driver, outside } = place(t);
  writeFileSync(join(outside, 'secret'), 'secret');
  for (const forged of ['/../outside/secret', '/..', '/a/../../outside/secret'] as Path[]) {
    await refused(t, driver.stat(forged), 'EINVAL', 'ENOENT');
    await refused(t, driver.get(forged), 'EINVAL', 'ENOENT');
    await refused(t, driver.put(forged, text('x')), 'EINVAL', 'ENOENT');
  }
  t.is(readFileSync(join(outside, 'secret'), 'utf8'), 'secret');
});

test('a kept folder that another program renamed, replaced or removed is not used under its old path', async (t) => {
  const { driver, root, outside } = place(t);
  const file = path('/a/b/file');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  await write(driver, file, 'first');

  renameSync(join(root, 'a'), join(root, 'moved'));
  await refused(t, driver.stat(file), 'ENOENT');
  await refused(t, driver.put(file, text('x')), 'ENOENT');

  mkdirSync(join(root, 'a/b'), { recursive: true });
  await write(driver, file, 'second');
  t.is(readFileSync(join(root, 'a/b/file'), 'utf8'), 'second');
  t.is(readFileSync(join(root, 'moved/b/file'), 'utf8'), 'first');

  // Out of the root, with a link in its place: the path still leads to the very folder that is held.
  renameSync(join(root, 'a'), join(outside, 'taken'));
  symlinkSync(join(outside, 'taken'), join(root, 'a'));
  await refused(t, driver.get(file), 'ELOOP');
  await refused(t, driver.put(path('/a/b/new'), text('x')), 'ELOOP');
  t.deepEqual(readdirSync(join(outside, 'taken/b')), ['file']);
});

test('a folder swapped for a link to outside, over and over: nothing outside is read or written', async (t) => {
  const { driver, root, outside } = place(t);
  mkdirSync(join(root, 'a/d'), { recursive: true });
  mkdirSync(join(outside, 'd'));
  writeFileSync(join(root, 'a/d/file'), 'inside');
  for (const where of [outside, join(outside, 'd')]) {
    for (const name of ['file', 'f0', 'f1', 'f2']) writeFileSync(join(where, name), 'OUTSIDE');
  }
  const snapshot = () => [readdirSync(outside).sort(), readdirSync(join(outside, 'd')).sort()];
  const before = snapshot();

  // Its own process, so that it swaps between any two system calls of ours.
  const swapper = spawn(
    process.execPath,
    [
      '-e',
      `const { renameSync: mv, symlinkSync: ln, unlinkSync: rm } = require('node:fs');
       const [root, outside] = process.argv.slice(1);
       process.on('disconnect', () => process.exit());
       const pause = () => { for (const end = process.hrtime.bigint() + BigInt(Math.floor(Math.random() * 3e5)); process.hrtime.bigint() < end;); };
       (function swap() {
         for (let i = 0; i < 200; i++) {
           for (const [dir, target] of [[root + '/a/d', outside + '/d'], [root + '/a', outside]]) {
             pause(); mv(dir, dir + '.real'); ln(target, dir); if (i % 8 === 0) pause(); rm(dir); mv(dir + '.real', dir);
           }
         }
         setImmediate(swap);
       })();`,
      root,
      outside,
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  );
  const tally = { done: 0, refused: 0 };
  try {
    const fine = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EEXIST', 'ESTALE', 'EACCES'] as const;
    const attempt = async (action: () => Promise<unknown>) => {
      try {
        await action();
        tally.done += 1;
      } catch (error) {
        if (!isVfsError(error, ...fine)) t.fail(String(error));
        tally.refused += 1;
      }
    };
    const until = Date.now() + 4_000;
    const worker = async (id: number) => {
      const mine = path(`/a/d/f${id}`);
      while (Date.now() < until) {
        await attempt(async () => t.is(await readText(driver, path('/a/d/file')), 'inside'));
        await attempt(() => driver.put(mine, body(pattern(5_000, id))));
        await attempt(async () => t.false((await readText(driver, mine)).startsWith('OUTSIDE')));
        await attempt(async () => t.false((await listing(driver, path('/a/d'))).includes('d')));
        await attempt(() => driver.setattr(mine, { mode: 0o600 }));
        await attempt(() => driver.mkdir(path(`/a/d/dir${id}`)));
        await attempt(() => driver.rename(mine, path(`/a/d/r${id}`)));
        await attempt(() => driver.copy(path('/a/d/file'), path(`/a/d/c${id}`)));
        await attempt(() => driver.link(path('/a/d/file'), path(`/a/d/l${id}`)));
        await attempt(() => driver.unlink(path(`/a/d/l${id}`)));
        await attempt(() => driver.unlink(path(`/a/d/r${id}`)));
        await attempt(() => driver.rmdir(path(`/a/d/dir${id}`)));
      }
    };
    await Promise.all([0, 1, 2].map(worker));
  } finally {
    const exited = once(swapper, 'exit');
    swapper.kill('SIGKILL');
    await exited;
  }
  t.log(tally);
  t.true(tally.done > 0 && tally.refused > 0, 'both happened');
  t.deepEqual(snapshot(), before);
  for (const where of [outside, join(outside, 'd')]) {
    for (const name of ['file', 'f0', 'f1', 'f2']) {
      t.is(readFileSync(join(where, name), 'utf8'), 'OUTSIDE');
      t.is(lstatSync(join(where, name)).mode & 0o777, lstatSync(join(where, 'file')).mode & 0o777);
    }
  }
  t.true(existsSync(outside));
});
