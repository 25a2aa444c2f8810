import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import type { Driver } from '../../../mounts/driver.js';
import { LocalDriver } from '../../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { noLog } from '../../../src/core/log.js';
import { parsePath } from '../../../src/core/path.js';
import { driverSuite } from '../../conformance/driver.js';
import { alice } from '../../support/namespace.js';
import { ALICE, type WebdavServer, webdavServer } from '../../support/webdav.js';
import { WebdavDriver } from '../../support/webdav-driver.js';

const test = anyTest as TestFn;
const teardowns: (() => Promise<void>)[] = [];

test.after.always(async () => {
  for (const act of teardowns) await act();
});

/** What a storage owes is still owed when it is reached through the front end. */
function throughTheDoor(prefix: string, storage: () => Promise<Driver>): void {
  let server: WebdavServer;
  test.before(`${prefix}: the front end`, async () => {
    const home = await storage();
    server = await webdavServer({ teardown: (act) => teardowns.unshift(act) }, { home: () => home });
  });
  driverSuite(
    test,
    async () => {
      const view = server.namespace.of(alice);
      const folder = parsePath(`/${randomUUID()}`);
      await view.mkdir(folder);
      const driver = new WebdavDriver(`${server.origin}/dav${folder}`, ALICE);
      return { driver, cleanup: () => view.removeTree(folder) };
    },
    { prefix, listing: 1_000, requires: ['rename', 'copy', 'statfs'] },
  );
}

throughTheDoor('memory', async () => new MemoryDriver({ capacity: 1 << 30 }));
throughTheDoor('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-dav-'));
  teardowns.push(() => rm(folder, { recursive: true, force: true }));
  return new LocalDriver({ path: folder, create: false }, noLog);
});
