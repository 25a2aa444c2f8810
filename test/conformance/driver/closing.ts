import type { Driver } from '../../../mounts/driver.js';
import { type Call, once } from '../../../src/core/bytes.js';
import { ROOT } from '../../../src/core/path.js';
import { type Case, children, leaves, path, readText, refused, write } from './case.js';

const [a, b, folder] = [path('/a'), path('/b'), path('/folder')];

/** Calls that must not begin. */
export const closing: readonly Case[] = [
  {
    name: 'a signal already fired: ECANCELED before anything happens',
    async run(t, { driver }) {
      await write(driver, a, 'old');
      await driver.mkdir(folder);
      const signal = AbortSignal.abort();
      for (const [op, call] of everyCall(driver, { signal })) {
        await refused(t, () => call().then(() => Promise.reject(new Error(`${op} succeeded`))), 'ECANCELED');
      }
      t.is(await readText(driver, a), 'old');
      await leaves(t, driver, ROOT, 'a', 'folder');
    },
  },
  {
    name: 'a fired signal ends a listing, and other calls go on',
    async run(t, { driver }) {
      await driver.mkdir(folder);
      for (let at = 0; at < 10; at++) await write(driver, path(`/f${at}`), `${at}`);
      const abort = new AbortController();
      const pages = driver.list(ROOT, { signal: abort.signal })[Symbol.asyncIterator]();
      await pages.next();
      abort.abort();
      const next = await pages.next().catch((error: unknown) => error);
      if (next instanceof Error) await refused(t, Promise.reject(next), 'ECANCELED');
      else t.true((next as IteratorResult<unknown>).done, 'one page was all there was');
      t.is((await children(driver)).length, 11);
    },
  },
  {
    name: 'calls after close reject with EBADF',
    async run(t, { driver }) {
      await write(driver, a, 'old');
      await driver.mkdir(folder);
      await driver.close();
      for (const [op, call] of everyCall(driver, {})) {
        await refused(t, () => call().then(() => Promise.reject(new Error(`${op} succeeded`))), 'EBADF');
      }
      await driver.close();
    },
  },
];

/** Each method once, so that it would succeed on `/a` (a file) and `/folder` (an empty folder). */
function* everyCall(driver: Driver, call: Call): Iterable<readonly [string, () => Promise<unknown>]> {
  yield ['stat', () => driver.stat(a, call)];
  yield ['list', () => driver.list(ROOT, call)[Symbol.asyncIterator]().next()];
  yield ['get', () => driver.get(a, call)];
  yield ['put', () => driver.put(b, once(Buffer.from('new')), call)];
  yield ['put over', () => driver.put(a, once(Buffer.from('new')), call)];
  yield ['mkdir', () => driver.mkdir(path('/new'), call)];
  yield ['unlink', () => driver.unlink(a, call)];
  yield ['rmdir', () => driver.rmdir(folder, call)];
  if (driver.rename) yield ['rename', () => driver.rename!(a, b, call)];
  if (driver.copy) yield ['copy', () => driver.copy!(a, b, call)];
  if (driver.setattr) yield ['setattr', () => driver.setattr!(a, {}, call)];
  if (driver.symlink) yield ['symlink', () => driver.symlink!(b, 'a', call)];
  if (driver.readlink) yield ['readlink', () => driver.readlink!(a, call)];
  if (driver.link) yield ['link', () => driver.link!(a, b, call)];
  if (driver.statfs) yield ['statfs', () => driver.statfs!(ROOT, call)];
  if (driver.open) yield ['open', () => driver.open!(a, call)];
  if (driver.replace) yield ['replace', () => driver.replace!(a, call)];
  if (driver.purge) yield ['purge', () => driver.purge!(0, call)];
}
