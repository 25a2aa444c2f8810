import type { Attributes } from '../../../src/core/entry.js';
import { ROOT } from '../../../src/core/path.js';
import { type Case, leaves, MiB, path, pattern, read, readText, refused, sameBytes, sameEntry, write } from './case.js';

const [a, b, folder] = [path('/a'), path('/b'), path('/folder')];

/** Copies and attributes. */
export const copying: readonly Case[] = [
  {
    name: 'copy makes a second, independent file',
    needs: ['copy'],
    async run(t, { driver }) {
      for (const size of [0, 1, 3 * MiB + 1]) {
        const bytes = pattern(size, size + 1);
        await write(driver, a, bytes);
        const entry = await driver.copy!(a, b);
        t.is(entry.name, 'b');
        sameEntry(t, await driver.stat(b), entry);
        sameBytes(t, await read(driver, b), bytes);
        await write(driver, a, 'changed');
        sameBytes(t, await read(driver, b), bytes);
      }
      await leaves(t, driver, ROOT, 'a', 'b');
    },
  },
  {
    name: 'copy replaces a file, and nothing else',
    needs: ['copy'],
    async run(t, { driver }) {
      await write(driver, a, 'source');
      const before = await write(driver, b, 'target');
      const after = await driver.copy!(a, b);
      t.not(before.etag, after.etag);
      t.is(await readText(driver, b), 'source');
      await driver.mkdir(folder);
      await refused(t, driver.copy!(a, folder), 'EISDIR');
      await refused(t, driver.copy!(folder, b), 'EISDIR');
      await refused(t, driver.copy!(a, ROOT), 'EISDIR');
      await refused(t, driver.copy!(path('/missing'), b), 'ENOENT');
      await refused(t, driver.copy!(a, path('/missing/b')), 'ENOENT');
      await refused(t, driver.copy!(a, path('/b/c')), 'ENOTDIR');
      t.is(await readText(driver, b), 'source');
      await leaves(t, driver, ROOT, 'a', 'b', 'folder');
    },
  },
  {
    name: 'copy onto itself keeps the content',
    needs: ['copy'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      await driver.copy!(a, a).catch(() => {});
      t.is(await readText(driver, a), 'x');
      await leaves(t, driver, ROOT, 'a');
    },
  },
  {
    name: 'setattr sets what the storage keeps, and refuses the rest whole',
    needs: ['setattr'],
    async run(t, { driver }) {
      const { mtimeStep, permissions } = driver.traits;
      const mtime = Date.UTC(2011, 1, 3, 4, 5, 6) + 250;
      await write(driver, a, 'content');
      await driver.mkdir(folder);
      for (const where of [a, folder]) {
        const before = await driver.stat(where);
        if (mtimeStep === undefined) await refused(t, driver.setattr!(where, { mtime }), 'ENOTSUP');
        else {
          const entry = await driver.setattr!(where, { mtime });
          t.true(Math.abs(entry.mtime - mtime) <= mtimeStep, `${entry.mtime} for ${mtime}`);
          sameEntry(t, await driver.stat(where), entry);
          t.is(entry.mode, before.mode);
        }
        if (permissions) {
          for (const mode of [0o700, 0o750, 0o755]) {
            t.is((await driver.setattr!(where, { mode })).mode! & 0o777, mode);
            t.is((await driver.stat(where)).mode! & 0o777, mode);
          }
          const { uid, gid } = await driver.stat(where);
          if (uid !== undefined && gid !== undefined) t.is((await driver.setattr!(where, { uid, gid })).uid, uid);
        } else {
          const earlier = await driver.stat(where);
          await refused(t, driver.setattr!(where, { mode: 0o700 }), 'ENOTSUP');
          await refused(t, driver.setattr!(where, { mtime: 86_400_000, mode: 0o700 }), 'ENOTSUP');
          await refused(t, driver.setattr!(where, { uid: 0 }), 'ENOTSUP');
          t.is((await driver.stat(where)).mtime, earlier.mtime);
        }
      }
      t.is(await readText(driver, a), 'content');
      t.is((await driver.setattr!(a, {})).size, 7);
      await refused(t, driver.setattr!(path('/missing'), mtimeStep === undefined ? {} : { mtime }), 'ENOENT');
    },
  },
  {
    name: 'setattr keeps times before 1970, after 2038 and to the step',
    needs: ['setattr'],
    async run(t, { driver }) {
      const { mtimeStep } = driver.traits;
      if (mtimeStep === undefined) {
        t.pass();
        return;
      }
      await write(driver, a, 'x');
      const times = [0, 1, 1_000, 1_234_567_890_123, 2_000_000_000_000.5, 4_000_000_000_000];
      for (const mtime of times) {
        const entry = await driver.setattr!(a, { mtime });
        t.true(Math.abs(entry.mtime - mtime) <= mtimeStep, `${entry.mtime} for ${mtime}`);
      }
    },
  },
  {
    name: 'without permissions no entry claims a mode',
    async run(t, { driver }) {
      const entry = await write(driver, a, 'x');
      await driver.mkdir(folder);
      const attributes: Attributes = await driver.stat(folder);
      t.is(entry.mode !== undefined, driver.traits.permissions);
      t.is(attributes.mode !== undefined, driver.traits.permissions);
    },
  },
];
