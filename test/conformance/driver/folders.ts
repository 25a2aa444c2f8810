import { join, type Path, ROOT } from '../../../src/core/path.js';
import { agrees, type Case, children, eachOf, leaves, listing, path, readText, refused, text, write } from './case.js';

const [folder, file, missing] = [path('/folder'), path('/file'), path('/missing')];

/** Folders, listings, parents and the root. */
export const folders: readonly Case[] = [
  {
    name: 'the root is there, is a folder, and is empty at first',
    async run(t, { driver }) {
      const root = await driver.stat(ROOT);
      t.is(root.kind, 'directory');
      t.is(root.name, '');
      t.is(root.size, 0);
      t.deepEqual(await listing(driver), []);
    },
  },
  {
    name: 'the root cannot be made, removed, read or written',
    async run(t, { driver }) {
      await refused(t, driver.mkdir(ROOT), 'EEXIST');
      await refused(t, driver.rmdir(ROOT), 'EBUSY');
      await refused(t, driver.unlink(ROOT), 'EISDIR');
      await refused(t, driver.get(ROOT), 'EISDIR');
      await refused(t, driver.put(ROOT, text('x')), 'EISDIR');
      t.is((await driver.stat(ROOT)).kind, 'directory');
    },
  },
  {
    name: 'mkdir, stat and list of folders',
    async run(t, { driver }) {
      await driver.mkdir(folder);
      const entry = await driver.stat(folder);
      t.is(entry.kind, 'directory');
      t.is(entry.name, 'folder');
      t.is(entry.size, 0);
      t.deepEqual(await listing(driver, folder), []);
      await driver.mkdir(path('/folder/inner'));
      await write(driver, path('/folder/file'), 'x');
      t.deepEqual(await listing(driver, folder), ['file', 'inner']);
      t.deepEqual(await listing(driver), ['folder']);
      await agrees(t, driver, ROOT);
      await agrees(t, driver, folder);
    },
  },
  {
    name: 'mkdir over anything is EEXIST',
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await write(driver, file, 'x');
      await write(driver, path('/folder/inner'), 'x');
      await refused(t, driver.mkdir(folder), 'EEXIST');
      await refused(t, driver.mkdir(file), 'EEXIST');
      t.is(await readText(driver, file), 'x');
      t.deepEqual(await listing(driver, folder), ['inner']);
    },
  },
  {
    name: 'one of eight mkdirs at once wins',
    async run(t, { driver }) {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => driver.mkdir(folder)));
      t.is(results.filter((result) => result.status === 'fulfilled').length, 1);
      t.is((await driver.stat(folder)).kind, 'directory');
    },
  },
  {
    name: 'what is missing is ENOENT',
    async run(t, { driver }) {
      await refused(t, driver.stat(missing), 'ENOENT');
      await refused(t, children(driver, missing), 'ENOENT');
      await refused(t, driver.get(missing), 'ENOENT');
      await refused(t, driver.unlink(missing), 'ENOENT');
      await refused(t, driver.rmdir(missing), 'ENOENT');
    },
  },
  {
    name: 'a missing parent is ENOENT, and nobody makes it',
    async run(t, { driver }) {
      const below = path('/missing/deep/x');
      for (const where of [below, path('/missing/x')]) {
        await refused(t, driver.put(where, text('x')), 'ENOENT');
        await refused(t, driver.mkdir(where), 'ENOENT');
        await refused(t, driver.stat(where), 'ENOENT');
        await refused(t, children(driver, where), 'ENOENT');
        await refused(t, driver.unlink(where), 'ENOENT');
        await refused(t, driver.rmdir(where), 'ENOENT');
      }
      await leaves(t, driver, ROOT);
    },
  },
  {
    name: 'put and mkdir below a file are ENOTDIR',
    async run(t, { driver }) {
      await write(driver, file, 'x');
      for (const where of [path('/file/x'), path('/file/x/y')]) {
        await refused(t, driver.put(where, text('x')), 'ENOTDIR');
        await refused(t, driver.mkdir(where), 'ENOTDIR');
      }
      await leaves(t, driver, ROOT, 'file');
      t.is(await readText(driver, file), 'x');
    },
  },
  {
    name: 'stat, list, get, unlink and rmdir below a file are ENOTDIR',
    async run(t, { driver }) {
      await write(driver, file, 'x');
      const where = path('/file/x');
      await refused(t, driver.stat(where), 'ENOTDIR');
      await refused(t, children(driver, where), 'ENOTDIR');
      await refused(t, driver.get(where), 'ENOTDIR');
      await refused(t, driver.unlink(where), 'ENOTDIR');
      await refused(t, driver.rmdir(where), 'ENOTDIR');
    },
  },
  {
    name: 'list of a file is ENOTDIR, put over a folder EISDIR',
    async run(t, { driver }) {
      await write(driver, file, 'x');
      await driver.mkdir(folder);
      await refused(t, children(driver, file), 'ENOTDIR');
      await refused(t, driver.put(folder, text('x')), 'EISDIR');
      await write(driver, path('/folder/inner'), 'x');
      await refused(t, driver.put(folder, text('x')), 'EISDIR');
      await leaves(t, driver, ROOT, 'file', 'folder');
      t.is(await readText(driver, path('/folder/inner')), 'x');
    },
  },
  {
    name: 'unlink removes files, rmdir empty folders, and neither the other',
    async run(t, { driver }) {
      const inner = path('/folder/inner');
      await driver.mkdir(folder);
      await write(driver, file, 'x');
      await refused(t, driver.unlink(folder), 'EISDIR');
      await refused(t, driver.rmdir(file), 'ENOTDIR');
      await write(driver, inner, 'x');
      await refused(t, driver.unlink(folder), 'EISDIR');
      await refused(t, driver.rmdir(folder), 'ENOTEMPTY');
      t.is(await readText(driver, inner), 'x');
      await driver.unlink(inner);
      t.is((await driver.stat(folder)).kind, 'directory', 'an emptied folder is still there');
      await driver.rmdir(folder);
      await driver.unlink(file);
      await refused(t, driver.stat(folder), 'ENOENT');
      await refused(t, driver.stat(file), 'ENOENT');
      await leaves(t, driver, ROOT);
      await driver.mkdir(folder);
      t.deepEqual(await listing(driver, folder), [], 'a folder made again is empty');
    },
  },
  {
    name: 'a folder with only a folder in it is not empty',
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await driver.mkdir(path('/folder/inner'));
      await refused(t, driver.rmdir(folder), 'ENOTEMPTY');
      await driver.rmdir(path('/folder/inner'));
      await driver.rmdir(folder);
    },
  },
  {
    name: 'a file may take the name of a folder that is gone, and the other way round',
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await driver.rmdir(folder);
      await write(driver, folder, 'now a file');
      t.is((await driver.stat(folder)).kind, 'file');
      await driver.unlink(folder);
      await driver.mkdir(folder);
      t.is((await driver.stat(folder)).kind, 'directory');
    },
  },
  {
    name: 'a long listing: each child once, each as stat has it',
    async run(t, { driver, options }) {
      const count = options.listing ?? 10_000;
      await driver.mkdir(folder);
      const names = Array.from({ length: count }, (_, at) => `entry ${at.toString().padStart(6, '0')}`);
      await eachOf(names, 32, async (name) => {
        const where = join(folder, name);
        if (name.endsWith('77')) await driver.mkdir(where);
        else await write(driver, where, name.endsWith('5') ? name : '');
      });
      const entries = await children(driver, folder);
      t.is(entries.length, count);
      t.deepEqual(entries.map((entry) => entry.name).sort(), names);
      for (const entry of entries) {
        if (entry.kind !== (entry.name.endsWith('77') ? 'directory' : 'file')) t.fail(`${entry.name}: ${entry.kind}`);
        if (entry.size !== (entry.name.endsWith('5') ? entry.name.length : 0)) t.fail(`${entry.name}: ${entry.size}`);
      }
      const first = driver.list(folder)[Symbol.asyncIterator]();
      t.true((await first.next()).value!.length > 0);
      await first.return?.();
    },
  },
  {
    name: 'deep paths',
    async run(t, { driver }) {
      let where: Path = ROOT;
      for (let depth = 0; depth < 40; depth++) {
        where = join(where, `level ${depth}`);
        await driver.mkdir(where);
      }
      const leaf = join(where, 'leaf');
      await write(driver, leaf, 'far down');
      t.is(await readText(driver, leaf), 'far down');
      t.deepEqual(await listing(driver, where), ['leaf']);
      t.deepEqual(await listing(driver), ['level 0']);
    },
  },
  {
    name: 'statfs makes sense',
    needs: ['statfs'],
    async run(t, { driver }) {
      const { total, free } = await driver.statfs!(ROOT);
      if (total !== undefined) t.true(total > 0 && Number.isFinite(total));
      if (free !== undefined) t.true(free >= 0 && Number.isFinite(free));
      if (total !== undefined && free !== undefined) t.true(free <= total);
      t.pass();
    },
  },
];
