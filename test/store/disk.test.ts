import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { isVfsError } from '../../src/core/errors.js';
import { noLog } from '../../src/core/log.js';
import type { EngineName } from '../../src/store/engine.js';
import { lockState } from '../../src/store/state-lock.js';
import { openStore } from '../../src/store/store.js';
import { StoreError } from '../../src/store/store-error.js';
import { tempFolder } from '../support/temp.js';

const ENGINES: readonly EngineName[] = ['better-sqlite3', 'libsql'];
const run = promisify(execFile);

/** A file system of 1 MiB of our own, with a way to make it read-only; undefined where only root may. */
async function smallDisk(t: ExecutionContext): Promise<{ folder: string; freeze(): Promise<unknown> } | undefined> {
  if (process.getuid?.() !== 0 && process.env.CI !== 'true') {
    t.log('not run: mounting a small file system takes root');
    return undefined;
  }
  const folder = join(await tempFolder(t), 'disk');
  await mkdir(folder);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'tmpfs', folder]);
  t.teardown(() => run('umount', ['--lazy', folder]));
  return { folder, freeze: () => run('mount', ['-o', 'remount,ro', folder]) };
}

/** Takes all that is left. */
async function fill(file: string): Promise<void> {
  for (const size of [65_536, 4_096]) {
    const chunk = Buffer.alloc(size, 1);
    try {
      for (;;) await writeFile(file, chunk, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }
}

for (const engine of ENGINES) {
  test.serial(`${engine}: a full disk is an error for the writer, and over when there is room again`, async (t) => {
    const disk = await smallDisk(t);
    if (disk === undefined) {
      t.pass();
      return;
    }
    const file = join(disk.folder, 'isthmus.db');
    const filler = join(disk.folder, 'filler');
    let store = await openStore({ file, log: noLog, engine });
    t.teardown(() => store.close());
    await store.settings.set('before', 'kept');
    await fill(filler);
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => store.settings.set(`during ${i}`, 'x'.repeat(20_000))),
    );
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    t.true(failed.length > 0);
    for (const error of failed) t.true(isVfsError(error, 'ENOSPC'), String(error));
    t.is(store.settings.get('before'), 'kept');
    for (const [i, { status }] of results.entries()) {
      t.is(store.settings.get(`during ${i}`) !== undefined, status === 'fulfilled', `during ${i}`);
    }
    const blocked = await t.throwsAsync(store.settings.set('still', 'y'.repeat(100_000)));
    t.true(isVfsError(blocked, 'ENOSPC'), String(blocked));

    await rm(filler);
    await store.settings.set('after', 'z'.repeat(20_000));
    await store.close();
    store = await openStore({ file, log: noLog, engine });
    t.is(store.settings.get('after')?.length, 20_000);
    t.is(store.settings.get('before'), 'kept');
  });

  test.serial(`${engine}: starting on a full disk says so, on one that is full since then it serves`, async (t) => {
    const disk = await smallDisk(t);
    if (disk === undefined) {
      t.pass();
      return;
    }
    const file = join(disk.folder, 'isthmus.db');
    const filler = join(disk.folder, 'filler');
    await fill(filler);
    const full = await t.throwsAsync(openStore({ file, log: noLog, engine }), { instanceOf: StoreError });
    t.is(full?.reason, 'full', full?.message);
    await rm(filler);
    const store = await openStore({ file, log: noLog, engine });
    await store.settings.set('key', 'value');
    await store.close();
    await fill(filler);
    const again = await openStore({ file, log: noLog, engine }).catch((error: unknown) => error);
    if (again instanceof Error) {
      t.is((again as StoreError).reason, 'full', again.message);
    } else {
      const opened = again as Awaited<ReturnType<typeof openStore>>;
      t.is(opened.settings.get('key'), 'value');
      await opened.close();
    }
  });

  test.serial(`${engine}: a read-only disk is told at the start`, async (t) => {
    const disk = await smallDisk(t);
    if (disk === undefined) {
      t.pass();
      return;
    }
    const file = join(disk.folder, 'isthmus.db');
    await (await openStore({ file, log: noLog, engine: 'better-sqlite3' })).close();
    lockState(disk.folder, 'better-sqlite3').release();
    await disk.freeze();
    const frozen = await t.throwsAsync(openStore({ file, log: noLog, engine }), { instanceOf: StoreError });
    t.is(frozen?.reason, 'unwritable', frozen?.message);
    const locked = t.throws(() => lockState(disk.folder, engine), { instanceOf: StoreError });
    t.is(locked?.reason, 'unwritable', locked?.message);
  });
}
