import { join, ROOT } from '../../../src/core/path.js';
import { type Case, listing, path, pattern, read, readText, refused, sameBytes, text, write } from './case.js';

const [a, b, folder, other] = [path('/a'), path('/b'), path('/folder'), path('/other')];

/** POSIX rename(2). */
export const renaming: readonly Case[] = [
  {
    name: 'rename of a file keeps its content and id',
    needs: ['rename'],
    async run(t, { driver }) {
      const bytes = pattern(200_000);
      const before = await write(driver, a, bytes);
      await driver.rename!(a, b);
      await refused(t, driver.stat(a), 'ENOENT');
      const after = await driver.stat(b);
      t.is(after.size, before.size);
      t.is(after.id, before.id);
      sameBytes(t, await read(driver, b), bytes);
      await driver.mkdir(folder);
      await driver.rename!(b, path('/folder/c'));
      sameBytes(t, await read(driver, path('/folder/c')), bytes);
      t.deepEqual(await listing(driver), ['folder']);
    },
  },
  {
    name: 'rename replaces a file',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'new');
      await write(driver, b, 'old');
      await driver.rename!(a, b);
      t.is(await readText(driver, b), 'new');
      t.deepEqual(await listing(driver), ['b']);
    },
  },
  {
    name: 'rename of a file onto a folder is EISDIR, of a folder onto a file ENOTDIR',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.mkdir(folder);
      await refused(t, driver.rename!(a, folder), 'EISDIR');
      await refused(t, driver.rename!(folder, a), 'ENOTDIR');
      t.is(await readText(driver, a), 'x');
      t.deepEqual(await listing(driver), ['a', 'folder']);
    },
  },
  {
    name: 'rename of a folder takes along what it holds',
    needs: ['rename'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await driver.mkdir(path('/folder/in'));
      await driver.mkdir(path('/folder/in/empty'));
      await write(driver, path('/folder/in/deep'), 'deep');
      for (let at = 0; at < 30; at++) await write(driver, path(`/folder/f${at}`), `${at}`);
      await driver.rename!(folder, other);
      await refused(t, driver.stat(folder), 'ENOENT');
      await refused(t, driver.stat(path('/folder/f1')), 'ENOENT');
      await refused(t, driver.put(path('/folder/f1'), text('x')), 'ENOENT');
      t.is((await listing(driver, other)).length, 31);
      t.is(await readText(driver, path('/other/in/deep')), 'deep');
      t.is(await readText(driver, path('/other/f29')), '29');
      t.deepEqual(await listing(driver, path('/other/in')), ['deep', 'empty']);
      await driver.mkdir(folder);
      t.deepEqual(await listing(driver, folder), [], 'the old name is a new folder now');
      await driver.rename!(path('/other/in'), path('/folder/moved'));
      t.is(await readText(driver, path('/folder/moved/deep')), 'deep');
    },
  },
  {
    name: 'rename of a folder replaces an empty folder only',
    needs: ['rename'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await write(driver, path('/folder/x'), 'x');
      await driver.mkdir(other);
      await write(driver, path('/other/y'), 'y');
      await refused(t, driver.rename!(folder, other), 'ENOTEMPTY');
      t.deepEqual(await listing(driver, other), ['y']);
      t.deepEqual(await listing(driver, folder), ['x']);
      await driver.unlink(path('/other/y'));
      await driver.rename!(folder, other);
      t.deepEqual(await listing(driver), ['other']);
      t.deepEqual(await listing(driver, other), ['x']);
    },
  },
  {
    name: 'a folder cannot be renamed into itself',
    needs: ['rename'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await driver.mkdir(path('/folder/in'));
      await refused(t, driver.rename!(folder, path('/folder/x')), 'EINVAL');
      await refused(t, driver.rename!(folder, path('/folder/in/x')), 'EINVAL');
      t.deepEqual(await listing(driver), ['folder']);
      t.deepEqual(await listing(driver, folder), ['in']);
    },
  },
  {
    name: 'rename onto itself changes nothing',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.mkdir(folder);
      await write(driver, path('/folder/in'), 'in');
      await driver.rename!(a, a);
      await driver.rename!(folder, folder);
      t.is(await readText(driver, a), 'x');
      t.is(await readText(driver, path('/folder/in')), 'in');
      await refused(t, driver.rename!(a, a, { noReplace: true }), 'EEXIST');
    },
  },
  {
    name: 'rename: missing source, missing parent, file as parent',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await write(driver, b, 'y');
      await refused(t, driver.rename!(path('/missing'), path('/c')), 'ENOENT');
      await refused(t, driver.rename!(path('/missing'), b), 'ENOENT');
      await refused(t, driver.rename!(a, path('/missing/c')), 'ENOENT');
      await refused(t, driver.rename!(a, path('/b/c')), 'ENOTDIR');
      t.is(await readText(driver, a), 'x');
      t.is(await readText(driver, b), 'y');
      t.deepEqual(await listing(driver), ['a', 'b']);
    },
  },
  {
    name: 'rename of or onto the root is refused',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.mkdir(folder);
      await refused(t, driver.rename!(ROOT, path('/x')), 'EBUSY', 'EINVAL');
      await refused(t, driver.rename!(a, ROOT), 'EBUSY', 'EISDIR');
      await refused(t, driver.rename!(folder, ROOT), 'EBUSY', 'ENOTEMPTY');
      t.deepEqual(await listing(driver), ['a', 'folder']);
    },
  },
  {
    name: 'rename with noReplace',
    needs: ['rename'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await write(driver, b, 'y');
      await driver.mkdir(folder);
      await write(driver, path('/folder/in'), 'in');
      await driver.mkdir(other);
      await refused(t, driver.rename!(a, b, { noReplace: true }), 'EEXIST');
      await refused(t, driver.rename!(a, folder, { noReplace: true }), 'EEXIST', 'EISDIR');
      await refused(t, driver.rename!(folder, other, { noReplace: true }), 'EEXIST');
      t.is(await readText(driver, b), 'y');
      t.is(await readText(driver, a), 'x');
      await driver.rename!(a, path('/c'), { noReplace: true });
      await driver.rename!(folder, path('/moved'), { noReplace: true });
      t.is(await readText(driver, path('/c')), 'x');
      t.is(await readText(driver, path('/moved/in')), 'in');
      t.deepEqual(await listing(driver), ['b', 'c', 'moved', 'other']);
    },
  },
  {
    name: 'where rename is atomic, readers meet the old or the new content under the name, never nothing',
    needs: ['rename'],
    async run(t, { driver }) {
      if (!driver.traits.atomicRename) {
        t.pass();
        return;
      }
      await write(driver, a, 'content 0');
      let done = false;
      const reader = (async () => {
        while (!done) {
          const got = await readText(driver, a);
          if (!/^content \d+$/.test(got)) t.fail(`met ${got}`);
        }
      })();
      try {
        for (let round = 1; round <= 40; round++) {
          await write(driver, b, `content ${round}`);
          await driver.rename!(b, a);
        }
      } finally {
        done = true;
      }
      await reader;
      t.is(await readText(driver, a), 'content 40');
    },
  },
  {
    name: 'many renames at once',
    needs: ['rename'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      const names = Array.from({ length: 16 }, (_, at) => `n${at}`);
      await Promise.all(names.map((name) => write(driver, join(ROOT, name), name)));
      await Promise.all(names.map((name) => driver.rename!(join(ROOT, name), join(folder, name))));
      t.deepEqual(await listing(driver), ['folder']);
      for (const name of names) t.is(await readText(driver, join(folder, name)), name);
    },
  },
];
