import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { MemoryDriver } from '../../mounts/memory.js';
import { Staging } from '../../src/cache/staging.js';
import { collect } from '../../src/core/bytes.js';
import { p } from '../support/namespace.js';

async function staging(t: { teardown(act: () => Promise<void>): void }) {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-staging-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const made = new Staging(folder);
  await made.prepare();
  return { made, folder };
}

test('a staged file has no name, so a killed daemon leaves none', async (t) => {
  const { made, folder } = await staging(t);
  const file = await made.create();
  await file.write(0, Buffer.from('abc'));
  t.deepEqual(await readdir(folder), []);
  t.is((await collect(file.body())).toString(), 'abc');
  await file.close();
  await file.close();
});

test('gaps are zeros, and what was cut stays cut', async (t) => {
  const { made } = await staging(t);
  const file = await made.create();
  await file.write(0, Buffer.from('abcdef'));
  await file.truncate(2);
  await file.write(4, Buffer.from('x'));
  t.is((await collect(file.body())).toString(), 'ab\0\0x');
  await file.close();
});

test('a body of several chunks, and a signal in the middle', async (t) => {
  const { made } = await staging(t);
  const file = await made.create();
  const bytes = Buffer.alloc(3_500_000, 7);
  await file.write(0, bytes);
  t.true((await collect(file.body())).equals(bytes));
  const stop = new AbortController();
  await t.throwsAsync(
    async () => {
      for await (const _ of file.body({ signal: stop.signal })) stop.abort();
    },
    { code: 'ECANCELED' },
  );
  await file.close();
});

test('a replacement that fails to commit is still there for another try', async (t) => {
  const { made } = await staging(t);
  const driver = new MemoryDriver();
  const replacement = await made.replace(driver, p('/f'));
  await replacement.write(0, Buffer.from('x'));
  await t.throwsAsync(replacement.commit({ ifMatch: 'nothing' }), { code: 'EPRECONDITION' });
  await t.throwsAsync(driver.stat(p('/f')), { code: 'ENOENT' });
  t.is((await replacement.commit({ path: p('/g') })).size, 1);
  await replacement.abort();
});

if (process.getuid?.() === 0) {
  test('a full cache disk is ENOSPC, and room given back is used', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'isthmus-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    t.teardown(async () => {
      execFileSync('umount', [folder]);
      await rm(folder, { recursive: true });
    });
    const small = new Staging(folder);
    const file = await small.create();
    await t.throwsAsync(file.write(0, Buffer.alloc(2 << 20)), { code: 'ENOSPC' });
    await file.close();
    const again = await small.create();
    await again.write(0, Buffer.alloc(512 << 10));
    t.is(again.size, 512 << 10);
    await again.close();
  });
}
