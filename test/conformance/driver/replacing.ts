import type { ExecutionContext } from 'ava';
import type { Replacement } from '../../../mounts/driver.js';
import { ROOT } from '../../../src/core/path.js';
import {
  type Case,
  eachOf,
  leaves,
  listing,
  MiB,
  path,
  pattern,
  read,
  readText,
  refused,
  sameBytes,
  sameEntry,
  write,
} from './case.js';

const [a, b, folder] = [path('/a'), path('/b'), path('/folder')];

/** Contents in the making. */
export const replacing: readonly Case[] = [
  {
    name: 'replace: writes at any position, gaps are zeros, invisible before commit',
    needs: ['replace'],
    async run(t, { driver }) {
      const model = Buffer.alloc(3 * MiB + 100);
      const making = await driver.replace!(a);
      t.is(making.size, 0);
      const pieces = [
        [MiB + 3, 70_000],
        [0, 10],
        [65_530, 20],
        [3 * MiB, 100],
        [MiB, 5],
        [2 * MiB, 300_000],
      ] as const;
      await eachOf([...pieces.entries()], 3, async ([at, [position, length]]) => {
        const bytes = pattern(length, at + 60);
        bytes.copy(model, position);
        await making.write(position, bytes);
      });
      pattern(5, 64).copy(model, MiB);
      await making.write(MiB, pattern(5, 64));
      t.is(making.size, model.length);
      await holds(t, making, model);
      await refused(t, driver.stat(a), 'ENOENT');
      t.deepEqual(await listing(driver), []);
      const entry = await making.commit();
      t.is(entry.size, model.length);
      t.is(entry.name, 'a');
      sameEntry(t, await driver.stat(a), entry);
      sameBytes(t, await read(driver, a), model);
      await holds(t, making, model);
      await making.abort();
      sameBytes(t, await read(driver, a), model);
      await leaves(t, driver, ROOT, 'a');
    },
  },
  {
    name: 'replace: truncate shorter and longer',
    needs: ['replace'],
    async run(t, { driver }) {
      const making = await driver.replace!(a);
      const bytes = pattern(200_000, 71);
      await making.write(0, bytes);
      await making.truncate(100_000);
      t.is(making.size, 100_000);
      await making.truncate(150_000);
      const model = Buffer.concat([bytes.subarray(0, 100_000), Buffer.alloc(50_000)]);
      await holds(t, making, model);
      await making.truncate(10);
      await making.write(20, Buffer.from('end'));
      const short = Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(10), Buffer.from('end')]);
      await holds(t, making, short);
      await making.commit();
      sameBytes(t, await read(driver, a), short);
      await making.abort();
    },
  },
  {
    name: 'replace: keep begins with the content that is there, and changes nothing before commit',
    needs: ['replace'],
    async run(t, { driver }) {
      const bytes = pattern(2 * MiB + 1, 72);
      await write(driver, a, bytes);
      const making = await driver.replace!(a, { keep: true });
      t.is(making.size, bytes.length);
      await holds(t, making, bytes);
      await making.write(MiB, Buffer.from('middle'));
      sameBytes(t, await read(driver, a), bytes, 'before commit');
      await making.commit();
      const model = Buffer.from(bytes);
      model.write('middle', MiB);
      sameBytes(t, await read(driver, a), model, 'after commit');
      await making.abort();
      await refused(t, driver.replace!(b, { keep: true }), 'ENOENT');
      await leaves(t, driver, ROOT, 'a');
    },
  },
  {
    name: 'replace: abort leaves the old content and nothing else, and may be called twice',
    needs: ['replace'],
    async run(t, { driver }) {
      const { etag } = await write(driver, a, 'old');
      const making = await driver.replace!(a);
      await making.write(0, pattern(MiB));
      t.is(await readText(driver, a), 'old');
      await making.abort();
      await making.abort();
      t.is(await readText(driver, a), 'old');
      t.is((await driver.stat(a)).etag, etag);
      const fresh = await driver.replace!(b);
      await fresh.write(0, pattern(10));
      await fresh.abort();
      await leaves(t, driver, ROOT, 'a');
    },
  },
  {
    name: 'replace: an empty content may be committed',
    needs: ['replace'],
    async run(t, { driver }) {
      await write(driver, a, 'old');
      const making = await driver.replace!(a);
      t.is((await making.commit()).size, 0);
      await making.abort();
      t.is(await readText(driver, a), '');
    },
  },
  {
    name: 'replace: a commit whose condition fails keeps it, to be committed again or elsewhere',
    needs: ['replace'],
    async run(t, { driver }) {
      const { etag } = await write(driver, a, 'old');
      const making = await driver.replace!(a);
      await making.write(0, Buffer.from('new'));
      await write(driver, a, 'somebody else');
      await refused(t, making.commit({ ifMatch: etag }), 'EPRECONDITION');
      await refused(t, making.commit({ ifNoneMatch: '*' }), 'EPRECONDITION');
      t.is(await readText(driver, a), 'somebody else');
      t.deepEqual(await listing(driver), ['a']);
      const entry = await making.commit({ path: b, ifNoneMatch: '*' });
      t.is(entry.name, 'b');
      t.is(await readText(driver, b), 'new');
      t.is(await readText(driver, a), 'somebody else');
      await making.abort();

      const current = await driver.stat(a);
      const second = await driver.replace!(a);
      await second.write(0, Buffer.from('second'));
      await refused(t, second.commit({ ifMatch: etag }), 'EPRECONDITION');
      await second.write(6, Buffer.from(' try'));
      await second.commit({ ifMatch: current.etag });
      t.is(await readText(driver, a), 'second try');
      await second.abort();
      await leaves(t, driver, ROOT, 'a', 'b');
    },
  },
  {
    name: 'replace: where its folder went away, it may be committed elsewhere',
    needs: ['replace'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      const making = await driver.replace!(path('/folder/x'));
      const bytes = pattern(MiB + 1, 73);
      await making.write(0, bytes);
      await driver.rmdir(folder);
      await refused(t, making.commit(), 'ENOENT');
      await making.commit({ path: b });
      sameBytes(t, await read(driver, b), bytes);
      await making.abort();
      await leaves(t, driver, ROOT, 'b');
    },
  },
  {
    name: 'replace: commit into another folder, mtime and signal as for put',
    needs: ['replace'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      const making = await driver.replace!(a);
      await making.write(0, Buffer.from('x'));
      await refused(t, making.commit({ signal: AbortSignal.abort() }), 'ECANCELED');
      t.deepEqual(await listing(driver), ['folder']);
      const mtime = Date.UTC(2003, 1, 1);
      const entry = await making.commit({ path: path('/folder/x'), mtime });
      if (driver.traits.mtimeStep !== undefined) t.true(Math.abs(entry.mtime - mtime) <= driver.traits.mtimeStep);
      await making.abort();
      await leaves(t, driver, ROOT, 'folder');
      await leaves(t, driver, folder, 'x');
    },
  },
  {
    name: 'replace: folders, missing parents and files as parents are refused',
    needs: ['replace'],
    async run(t, { driver }) {
      await driver.mkdir(folder);
      await write(driver, a, 'x');
      await refused(t, driver.replace!(folder), 'EISDIR');
      await refused(t, driver.replace!(ROOT), 'EISDIR');
      await refused(t, driver.replace!(path('/missing/x')), 'ENOENT');
      await refused(t, driver.replace!(path('/a/x')), 'ENOTDIR');
      const making = await driver.replace!(b);
      await refused(t, making.commit({ path: folder }), 'EISDIR');
      await refused(t, making.commit({ path: path('/missing/x') }), 'ENOENT');
      await making.abort();
      await refused(t, making.write(0, Buffer.from('x')), 'EBADF');
      await leaves(t, driver, ROOT, 'a', 'folder');
    },
  },
  {
    name: 'replace: permission bits as for put',
    needs: ['replace'],
    async run(t, { driver }) {
      if (!driver.traits.permissions) {
        t.pass();
        return;
      }
      const fresh = await driver.replace!(a, { mode: 0o600 });
      t.is((await fresh.commit()).mode! & 0o777, 0o600);
      await fresh.abort();
      const kept = await driver.replace!(a, { mode: 0o666 });
      t.is((await kept.commit()).mode! & 0o777, 0o600);
      await kept.abort();
    },
  },
];

async function holds(t: ExecutionContext, making: Replacement, model: Buffer): Promise<void> {
  const into = Buffer.alloc(model.length + 10, 0xaa);
  let count = 0;
  for (;;) {
    const more = await making.read(count, into.subarray(count));
    if (more === 0) break;
    count += more;
  }
  sameBytes(t, into.subarray(0, count), model);
}
