import type { ExecutionContext } from 'ava';
import type { OpenFile } from '../../../mounts/driver.js';
import { isVfsError } from '../../../src/core/errors.js';
import { ROOT } from '../../../src/core/path.js';
import { type Case, eachOf, MiB, path, pattern, refused, sameBytes, sameEntry, write } from './case.js';

const [a, folder] = [path('/a'), path('/folder')];

/** Files held open for reading. */
export const openFiles: readonly Case[] = [
  {
    name: 'open: reads at any position, many at once',
    needs: ['open'],
    async run(t, { driver }) {
      const bytes = pattern(3 * MiB + 7, 51);
      const entry = await write(driver, a, bytes);
      const file = await driver.open!(a);
      sameEntry(t, file.entry, entry);
      const positions: readonly [number, number][] = [
        [0, 1],
        [0, 65536],
        [65535, 2],
        [MiB - 1, 131_072],
        [2_999_999, 4096],
        [1, MiB],
        [0, bytes.length],
        [bytes.length - 1, 10],
        [bytes.length - 100, 50],
        [bytes.length, 10],
        [bytes.length + 1000, 10],
        [7, 0],
      ];
      await eachOf([...positions, ...positions], 8, async ([position, length]) => {
        const into = Buffer.alloc(length, 0xaa);
        const count = await file.read(position, into);
        sameBytes(t, into.subarray(0, count), bytes.subarray(position, position + length), `${position}+${length}`);
      });
      await file.close();
      await refused(t, file.read(0, Buffer.alloc(1)), 'EBADF');
      await file.close();
    },
  },
  {
    name: 'open of what is no file',
    needs: ['open'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await refused(t, driver.open!(folder), 'EISDIR');
      await refused(t, driver.open!(ROOT), 'EISDIR');
      await refused(t, driver.open!(a), 'ENOENT');
      await refused(t, driver.open!(path('/no/where')), 'ENOENT');
      await write(driver, a, '');
      const file = await driver.open!(a);
      t.is(await file.read(0, Buffer.alloc(10)), 0);
      await file.close();
    },
  },
  {
    name: 'an open file shows the content of its opening after replacement, rename and unlink, or ESTALE',
    needs: ['open'],
    async run(t, { driver }) {
      const bytes = pattern(2 * MiB, 52);
      await write(driver, a, bytes);
      const file = await driver.open!(a);
      await holds(t, file, bytes);
      await write(driver, a, pattern(2 * MiB, 53));
      await holds(t, file, bytes);
      await driver.unlink(a);
      await holds(t, file, bytes);
      await file.close();
      await write(driver, a, bytes);
      const again = await driver.open!(a);
      if (driver.rename) {
        await driver.rename(a, path('/b'));
        await holds(t, again, bytes);
      }
      await again.close();
    },
  },
  {
    name: 'fifty open files at once',
    needs: ['open'],
    async run(t, { driver }) {
      const bytes = pattern(100_000, 54);
      await write(driver, a, bytes);
      const files = await Promise.all(Array.from({ length: 50 }, () => driver.open!(a)));
      await Promise.all(files.map((file) => holds(t, file, bytes)));
      await Promise.all(files.map((file) => file.close()));
    },
  },
  {
    name: 'a read of an open file with a fired signal is ECANCELED',
    needs: ['open'],
    async run(t, { driver }) {
      await write(driver, a, 'x');
      const file = await driver.open!(a);
      await refused(t, file.read(0, Buffer.alloc(1), { signal: AbortSignal.abort() }), 'ECANCELED');
      t.is(await file.read(0, Buffer.alloc(1)), 1);
      await file.close();
    },
  },
];

async function holds(t: ExecutionContext, file: OpenFile, bytes: Buffer): Promise<void> {
  const into = Buffer.alloc(bytes.length);
  try {
    let count = 0;
    while (count < into.length) {
      const more = await file.read(count, into.subarray(count));
      if (more === 0) break;
      count += more;
    }
    sameBytes(t, into.subarray(0, count), bytes);
  } catch (error) {
    t.true(isVfsError(error, 'ESTALE'), String(error));
  }
}
