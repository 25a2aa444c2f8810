import { TEMPORARY_PREFIX } from '../../../mounts/driver.js';
import { join, NAME_MAX, ROOT } from '../../../src/core/path.js';
import { type Case, children, listing, path, readText, refused, text, write } from './case.js';

/** What a client may call a file. The first three groups are all cases of their own, for the sake of exceptions. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'spaces, quotes and what shells, URLs and queries mean something by': [
    'with space',
    ' leading',
    "single'quote",
    'double"quote',
    'back`tick',
    '100%',
    '%41',
    '%2F',
    'a#b',
    'a?b=c&d=e',
    'a+b',
    'a;b',
    'a,b',
    'a=b',
    'a:b',
    'a@b',
    'a|b',
    'a*b',
    'a<b>c',
    'a[0]',
    'a{b}',
    '(a)',
    'a$b',
    'a!b',
    'a~b',
    'a^b',
    '~',
    '-rf',
    'a\\b',
    '&amp;',
    '<!-- -->',
  ],
  'Unicode: many scripts, emoji, joined, right to left, U+FFFD': [
    'ärger',
    'Straße',
    '日本語',
    '한국어',
    'עברית',
    'العربية',
    '🦆',
    '👩‍👩‍👧‍👦',
    '\u{10ffff}',
    '\ufffd',
    '\u00a0',
    'ﬁ',
    'İ',
    'ı',
  ],
  'NFC and NFD are two names': ['caf\u00e9', 'cafe\u0301', '\u212b', '\u00c5', 'A\u030a'],
  'upper and lower case are two names': ['Case', 'case', 'CASE'],
  'leading dots': ['.hidden', '..two', '...', '....', '.isthmus', '.isthmus-tm'],
  'trailing dots and spaces': ['dot.', 'dots...', 'space ', 'spaces   ', ' ', '. ', 'x .'],
  'names that mean something to a program': [
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'null',
    'undefined',
    'NaN',
    '0',
    '-',
    'con',
    'nul',
    'aux.txt',
    'index.html',
    'Thumbs.db',
  ],
};

/** Names. */
export const names: readonly Case[] = [
  ...Object.entries(groups).map(
    ([group, members]): Case => ({
      name: `names: ${group}`,
      async run(t, { driver }) {
        if (group.includes('case are two') && !driver.traits.caseSensitive) {
          t.pass();
          return;
        }
        const folder = path('/folder of names');
        await driver.mkdir(folder);
        for (const name of members) {
          const entry = await write(driver, join(folder, name), `content of ${name}`);
          t.is(entry.name, name);
        }
        t.deepEqual(await listing(driver, folder), [...members].sort());
        for (const name of members) {
          t.is((await driver.stat(join(folder, name))).name, name);
          t.is(await readText(driver, join(folder, name)), `content of ${name}`);
          await driver.unlink(join(folder, name));
        }
        t.deepEqual(await listing(driver, folder), []);
        for (const name of members) {
          await driver.mkdir(join(folder, name));
          await write(driver, join(join(folder, name), name), name);
        }
        t.deepEqual(await listing(driver, folder), [...members].sort());
        for (const name of members) {
          t.deepEqual(await listing(driver, join(folder, name)), [name]);
          await driver.unlink(join(join(folder, name), name));
          await driver.rmdir(join(folder, name));
        }
        t.deepEqual(await listing(driver, folder), []);
      },
    }),
  ),
  {
    name: 'names as long as they may be, in ASCII and in Unicode',
    async run(t, { driver }) {
      const most = Math.min(driver.traits.maxNameBytes ?? NAME_MAX, NAME_MAX);
      const ascii = 'x'.repeat(most);
      const wide = 'ü'.repeat(Math.floor(most / 2));
      for (const name of [ascii, wide]) {
        await write(driver, join(ROOT, name), name);
        t.is(await readText(driver, join(ROOT, name)), name);
      }
      t.deepEqual(await listing(driver), [ascii, wide].sort());
      if (most < NAME_MAX) await refused(t, driver.put(join(ROOT, `${ascii}x`), text('x')), 'ENAMETOOLONG');
    },
  },
  {
    name: 'siblings that share a prefix do not touch each other',
    async run(t, { driver }) {
      await driver.mkdir(path('/ab'));
      await driver.mkdir(path('/abc'));
      await write(driver, path('/ab/x'), '1');
      await write(driver, path('/abc/x'), '2');
      await write(driver, path('/ab.txt'), '3');
      t.deepEqual(await listing(driver, path('/ab')), ['x']);
      await driver.unlink(path('/ab/x'));
      await driver.rmdir(path('/ab'));
      t.is(await readText(driver, path('/abc/x')), '2');
      t.deepEqual(await listing(driver), ['ab.txt', 'abc']);
    },
  },
  {
    name: 'temporary names are invisible, and every call on one is ENOENT',
    async run(t, { driver }) {
      const file = path('/file');
      await write(driver, file, 'x');
      for (const where of [path(`/${TEMPORARY_PREFIX}1`), path(`/${TEMPORARY_PREFIX}1/below`)]) {
        await refused(t, driver.put(where, text('x')), 'ENOENT');
        await refused(t, driver.mkdir(where), 'ENOENT');
        await refused(t, driver.stat(where), 'ENOENT');
        await refused(t, driver.get(where), 'ENOENT');
        await refused(t, children(driver, where), 'ENOENT');
        await refused(t, driver.unlink(where), 'ENOENT');
        await refused(t, driver.rmdir(where), 'ENOENT');
        if (driver.rename) {
          await refused(t, driver.rename(file, where), 'ENOENT');
          await refused(t, driver.rename(where, path('/y')), 'ENOENT');
        }
        if (driver.copy) {
          await refused(t, driver.copy(file, where), 'ENOENT');
          await refused(t, driver.copy(where, path('/y')), 'ENOENT');
        }
        if (driver.symlink) await refused(t, driver.symlink(where, 'x'), 'ENOENT');
        if (driver.readlink) await refused(t, driver.readlink(where), 'ENOENT');
        if (driver.link) await refused(t, driver.link(file, where), 'ENOENT');
        if (driver.open) await refused(t, driver.open(where), 'ENOENT');
        if (driver.replace) await refused(t, driver.replace(where), 'ENOENT');
        if (driver.setattr) await refused(t, driver.setattr(where, { mtime: 0 }), 'ENOENT');
      }
      t.deepEqual(await listing(driver), ['file']);
    },
  },
  {
    name: 'purge removes what a killed daemon left, and nothing younger',
    needs: ['purge'],
    async run(t, { driver, leaveTemporary }) {
      await write(driver, path('/file'), 'x');
      t.is(await driver.purge!(Date.now() + 3_600_000), 0);
      if (leaveTemporary === undefined) return;
      await leaveTemporary();
      t.deepEqual(await listing(driver), ['file']);
      t.is(await driver.purge!(Date.now() - 3_600_000), 0);
      t.is(await driver.purge!(Date.now() + 3_600_000), 1);
      t.is(await driver.purge!(Date.now() + 3_600_000), 0);
      t.deepEqual(await listing(driver), ['file']);
    },
  },
];
