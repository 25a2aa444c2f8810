import type { Driver } from '../../../mounts/driver.js';
import type { Bytes } from '../../../src/core/bytes.js';
import { type ErrorCode, VfsError } from '../../../src/core/errors.js';
import { type Path, ROOT } from '../../../src/core/path.js';
import { body, type Case, leaves, listing, MiB, path, pattern, readText, refused, sameEntry, write } from './case.js';

const a = path('/a');

/** A put that does not end well: the old content stays, and nothing else is visible. */
export const uploads: readonly Case[] = [
  {
    name: 'a body that throws leaves the old content, or nothing',
    async run(t, { driver }) {
      const broken = (after: number) =>
        (async function* (): Bytes {
          for (let at = 0; at < after; at++) yield pattern(MiB, at);
          throw new Error('the client went away');
        })();
      for (const after of [0, 1, 7]) {
        await refused(t, driver.put(a, broken(after)), 'EIO', 'ECANCELED', 'EUNAVAILABLE');
        await leaves(t, driver, ROOT);
      }
      const before = await write(driver, a, 'old');
      for (const after of [0, 1, 7]) {
        await refused(t, driver.put(a, broken(after)), 'EIO', 'ECANCELED', 'EUNAVAILABLE');
        await keepsOld(t, driver, before.etag);
      }
      await refused(t, driver.put(a, broken(2), { size: 2 * MiB }), 'EIO', 'ECANCELED', 'EUNAVAILABLE', 'EINVAL');
      await keepsOld(t, driver, before.etag);
    },
  },
  {
    name: 'a VfsError thrown by a body passes unchanged',
    async run(t, { driver }) {
      for (const code of ['EDQUOT', 'ECANCELED', 'EUNAVAILABLE'] satisfies ErrorCode[]) {
        const broken = (async function* (): Bytes {
          yield pattern(100_000);
          throw new VfsError(code, 'read', a);
        })();
        await refused(t, driver.put(a, broken), code);
      }
      await leaves(t, driver, ROOT);
    },
  },
  {
    name: 'a signal in the middle of a body: ECANCELED and the old content, even when the body hangs',
    async run(t, { driver }) {
      const canceled = async (before: number, hang: boolean) => {
        const abort = new AbortController();
        const bytes = (async function* (): Bytes {
          for (let at = 0; at < before; at++) yield pattern(MiB, at);
          if (hang) {
            setTimeout(() => abort.abort(), 20);
            await new Promise(() => {});
          }
          abort.abort();
          yield pattern(MiB, 99);
          yield pattern(MiB, 100);
        })();
        await refused(t, driver.put(a, bytes, { signal: abort.signal }), 'ECANCELED');
      };
      await canceled(1, false);
      await canceled(2, true);
      await leaves(t, driver, ROOT);
      const { etag } = await write(driver, a, 'old');
      for (const before of [0, 1, 9]) {
        for (const hang of [false, true]) {
          await canceled(before, hang);
          await keepsOld(t, driver, etag);
        }
      }
    },
  },
  {
    name: 'a body of another length than was said: EINVAL and the old content',
    async run(t, { driver }) {
      const wrong: readonly [number, number][] = [
        [0, 1],
        [1, 0],
        [10, 11],
        [11, 10],
        [MiB, MiB - 1],
        [MiB, MiB + 1],
        [9 * MiB, 9 * MiB + 1],
        [9 * MiB, 9 * MiB - 1],
      ];
      for (const [size, said] of wrong) await refused(t, driver.put(a, body(pattern(size)), { size: said }), 'EINVAL');
      await leaves(t, driver, ROOT);
      const { etag } = await write(driver, a, 'old');
      for (const [size, said] of wrong) await refused(t, driver.put(a, body(pattern(size)), { size: said }), 'EINVAL');
      await keepsOld(t, driver, etag);
    },
  },
  {
    name: 'an endless body is left as soon as it is longer than was said',
    async run(t, { driver }) {
      let left = false;
      const endless = (async function* (): Bytes {
        try {
          for (;;) yield pattern(100_000);
        } finally {
          left = true;
        }
      })();
      await refused(t, driver.put(a, endless, { size: 250_000 }), 'EINVAL');
      t.true(left, 'the body was closed');
      await leaves(t, driver, ROOT);
    },
  },
  {
    name: 'nothing of a file is visible while it is being put',
    async run(t, { driver }) {
      const { etag } = await write(driver, a, 'old');
      const seen: string[] = [];
      const looking = (async function* (): Bytes {
        for (let at = 0; at < 6; at++) {
          yield pattern(MiB, at);
          seen.push(await readText(driver, a));
        }
      })();
      const fresh = (async function* (): Bytes {
        yield pattern(MiB);
        seen.push(
          await driver.stat(path('/fresh')).then(
            () => 'visible',
            () => 'old',
          ),
        );
        seen.push((await listing(driver)).length === 1 ? 'old' : 'listed');
      })();
      await driver.put(path('/fresh'), fresh);
      const after = await driver.put(a, looking);
      t.deepEqual(new Set(seen), new Set(['old']));
      t.not(after.etag, etag);
      t.is(after.size, 6 * MiB);
    },
  },
  {
    name: 'a given modification time is kept',
    async run(t, { driver }) {
      const { mtimeStep } = driver.traits;
      const mtime = Date.UTC(2001, 8, 9, 1, 46, 40) + 120;
      const entry = await driver.put(a, body(pattern(10)), { mtime });
      sameEntry(t, await driver.stat(a), entry);
      if (mtimeStep === undefined) return;
      t.true(Math.abs(entry.mtime - mtime) <= mtimeStep, `${entry.mtime} for ${mtime}`);
    },
  },
  {
    name: 'without a given modification time it is about now',
    async run(t, { driver }) {
      const entry = await write(driver, a, 'x');
      t.true(Math.abs(entry.mtime - Date.now()) < 120_000, `${new Date(entry.mtime).toISOString()}`);
    },
  },
  {
    name: 'permission bits: given for a new file, kept for an old one',
    async run(t, { driver }) {
      if (!driver.traits.permissions) {
        t.is((await write(driver, a, 'x')).mode, undefined);
        return;
      }
      t.is((await driver.put(a, body(pattern(10)), { mode: 0o640 })).mode! & 0o777, 0o640);
      t.is((await driver.put(a, body(pattern(11)), { mode: 0o600 })).mode! & 0o777, 0o640);
      t.is((await driver.stat(a)).mode! & 0o777, 0o640);
      t.is((await driver.put(path('/b'), body(pattern(1)), { mode: 0o400 })).mode! & 0o777, 0o400);
      t.is((await driver.put(path('/b'), body(pattern(2)))).mode! & 0o777, 0o400, 'a read-only file may be replaced');
    },
  },
];

async function keepsOld(t: Parameters<Case['run']>[0], driver: Driver, etag: string): Promise<void> {
  const where: Path = a;
  t.is(await readText(driver, where), 'old');
  t.is((await driver.stat(where)).etag, etag);
  await leaves(t, driver, ROOT, 'a');
}
