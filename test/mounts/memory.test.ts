import test from 'ava';
import * as v from 'valibot';
import { MemoryDriver, memoryKind } from '../../mounts/memory.js';
import { ROOT } from '../../src/core/path.js';
import { listing, path, pattern, readText, refused, write } from '../conformance/driver/case.js';
import { driverSuite } from '../conformance/driver.js';

driverSuite(test, async () => ({ driver: new MemoryDriver(), cleanup: async () => {} }), {
  requires: ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'statfs', 'open', 'replace', 'purge'],
});

test('a full memory is ENOSPC and keeps what it has', async (t) => {
  const driver = new MemoryDriver({ capacity: 1000 });
  const a = path('/a');
  await write(driver, a, 'old');
  await refused(t, write(driver, a, pattern(1001)), 'ENOSPC');
  await refused(t, write(driver, path('/b'), pattern(998)), 'ENOSPC');
  t.is(await readText(driver, a), 'old');
  t.deepEqual(await listing(driver), ['a']);
  t.deepEqual(await driver.statfs(ROOT), { total: 1000, free: 997 });
  await write(driver, a, pattern(1000));
  await driver.unlink(a);
  t.is((await driver.statfs(ROOT)).free, 1000);
});

test('the kind takes no options', (t) => {
  t.true(v.safeParse(memoryKind.options, {}).success);
  t.false(v.safeParse(memoryKind.options, { path: '/' }).success);
});
