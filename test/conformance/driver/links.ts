import { ROOT } from '../../../src/core/path.js';
import { type Case, children, leaves, path, readText, refused, text, write } from './case.js';

const [a, b, folder, link] = [path('/a'), path('/b'), path('/folder'), path('/link')];

/** Symbolic and hard links. */
export const links: readonly Case[] = [
  {
    name: 'a symbolic link keeps its target as given',
    needs: ['symlink', 'readlink'],
    async run(t, { driver }) {
      const targets = ['a', 'no/where', '/etc/passwd', '../../..', '.', 'with space', 'ü🦆', 'x'.repeat(1000)];
      for (const [at, target] of targets.entries()) {
        const where = path(`/link${at}`);
        const entry = await driver.symlink!(where, target);
        t.is(entry.kind, 'symlink');
        t.is(entry.size, Buffer.byteLength(target));
        t.is(await driver.readlink!(where), target);
        const stat = await driver.stat(where);
        t.is(stat.kind, 'symlink');
        t.is(stat.size, Buffer.byteLength(target));
      }
      const entries = await children(driver);
      t.is(entries.length, targets.length);
      t.true(entries.every((entry) => entry.kind === 'symlink'));
    },
  },
  {
    name: 'symlink where something is: EEXIST; readlink of another kind: EINVAL',
    needs: ['symlink', 'readlink'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.mkdir(folder);
      await driver.symlink!(link, 'a');
      for (const where of [a, folder, link]) await refused(t, driver.symlink!(where, 'b'), 'EEXIST');
      await refused(t, driver.symlink!(path('/missing/x'), 'b'), 'ENOENT');
      await refused(t, driver.mkdir(link), 'EEXIST');
      await refused(t, driver.readlink!(a), 'EINVAL');
      await refused(t, driver.readlink!(folder), 'EINVAL');
      await refused(t, driver.readlink!(path('/missing')), 'ENOENT');
      t.is(await driver.readlink!(link), 'a');
    },
  },
  {
    name: 'unlink and rename act on the symbolic link',
    needs: ['symlink', 'readlink'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await write(driver, path('/folder/in'), 'in');
      await driver.symlink!(link, 'folder');
      await refused(t, driver.rmdir(link), 'ENOTDIR');
      if (driver.rename) {
        await driver.rename(link, b);
        t.is(await driver.readlink!(b), 'folder');
        await driver.rename(b, link);
      }
      await driver.unlink(link);
      t.is(await readText(driver, path('/folder/in')), 'in');
      await leaves(t, driver, ROOT, 'folder');
    },
  },
  {
    name: 'a symbolic link is not followed: ELOOP for content, ELOOP or ENOTDIR for what would lie below',
    needs: ['symlink'],
    async run(t, { driver }) {
      await write(driver, a, 'content');
      await driver.mkdir(folder);
      await write(driver, path('/folder/in'), 'in');
      await driver.symlink!(link, 'a');
      await driver.symlink!(b, 'folder');
      await refused(t, driver.get(link), 'ELOOP');
      await refused(t, driver.put(link, text('x')), 'ELOOP');
      if (driver.open) await refused(t, driver.open(link), 'ELOOP');
      if (driver.replace) await refused(t, driver.replace(link, { keep: true }), 'ELOOP');
      await refused(t, children(driver, b), 'ELOOP', 'ENOTDIR');
      const below = path('/b/in');
      await refused(t, driver.stat(below), 'ELOOP', 'ENOTDIR');
      await refused(t, driver.get(below), 'ELOOP', 'ENOTDIR');
      await refused(t, driver.put(below, text('x')), 'ELOOP', 'ENOTDIR');
      await refused(t, driver.mkdir(path('/b/new')), 'ELOOP', 'ENOTDIR');
      await refused(t, driver.unlink(below), 'ELOOP', 'ENOTDIR');
      t.is(await readText(driver, a), 'content');
      t.is(await readText(driver, path('/folder/in')), 'in');
      t.is((await driver.stat(link)).kind, 'symlink');
    },
  },
  {
    name: 'a hard link is a second name for the same file',
    needs: ['link'],
    async run(t, { driver }) {
      await write(driver, a, 'content');
      await driver.mkdir(folder);
      const entry = await driver.link!(a, b);
      t.is(entry.name, 'b');
      t.is(await readText(driver, b), 'content');
      const [one, two] = [await driver.stat(a), await driver.stat(b)];
      t.is(one.id, two.id);
      t.is(one.links, two.links);
      await refused(t, driver.link!(a, b), 'EEXIST');
      await refused(t, driver.link!(a, folder), 'EEXIST');
      await refused(t, driver.link!(path('/missing'), path('/c')), 'ENOENT');
      await refused(t, driver.link!(a, path('/missing/c')), 'ENOENT');
      await refused(t, driver.link!(folder, path('/c')), 'EPERM', 'EISDIR');
      await driver.unlink(a);
      t.is(await readText(driver, b), 'content');
      await leaves(t, driver, ROOT, 'b', 'folder');
    },
  },
  {
    name: 'what is put under one name of a linked file is there under the other',
    needs: ['link'],
    async run(t, { driver }) {
      await write(driver, a, 'old');
      await driver.link!(a, b);
      const { etag } = await driver.stat(b);
      await write(driver, a, 'new content');
      t.is(await readText(driver, b), 'new content');
      t.not((await driver.stat(b)).etag, etag);
      await write(driver, b, 'n');
      t.is(await readText(driver, a), 'n');
      await leaves(t, driver, ROOT, 'a', 'b');
    },
  },
  {
    name: 'rename between two names of one file leaves both',
    needs: ['link', 'rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.link!(a, b);
      await driver.rename!(a, b);
      t.is(await readText(driver, a), 'x');
      t.is(await readText(driver, b), 'x');
    },
  },
];
