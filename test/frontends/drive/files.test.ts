import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestFn } from 'ava';
import type { Driver } from '../../../mounts/driver.js';
import { LocalDriver } from '../../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { noLog } from '../../../src/core/log.js';
import { type Feature, filesSuite } from '../../conformance/files.js';
import { type Agent, startAgent } from '../../support/agent-client.js';
import { type MountedDrive, mountDrive } from '../../support/mounted-drive.js';
import { alice, testNamespace, wholeBodies } from '../../support/namespace.js';

/** One drive for all cases of a storage, a folder for each. */
function suiteOn(prefix: string, driver: () => Driver | Promise<Driver>, features: readonly Feature[]): void {
  let drive: MountedDrive | undefined;
  let agent: Agent | undefined;
  const teardowns: (() => Promise<void>)[] = [];
  test.before(async () => {
    const namespace = await testNamespace({ teardown: (act) => teardowns.push(act) }, [
      { at: '/m', driver: await driver() },
    ]);
    drive = await mountDrive(namespace.of(alice));
    agent = startAgent(`${drive.path}/m`);
  });
  test.after.always(async () => {
    await agent?.end();
    await drive?.stop();
    for (const act of teardowns) await act();
  });
  filesSuite(
    test as TestFn,
    async () => {
      const folder = `/${randomUUID()}`;
      if (agent === undefined) throw new Error('the drive was not mounted');
      await agent.client.mkdir(folder);
      return { client: agent.below(folder), cleanup: async () => {} };
    },
    { prefix, features },
  );
}

const everything: readonly Feature[] = [
  'shared',
  'append',
  'permissions',
  'times',
  'symlinks',
  'hardLinks',
  'nodes',
  'space',
];
const root = await mkdtemp(join(tmpdir(), 'isthmus-local-'));
test.after.always(() => rm(root, { recursive: true, force: true }));

suiteOn('memory', () => new MemoryDriver(), everything);
suiteOn('whole bodies', () => wholeBodies(new MemoryDriver()), ['shared', 'append', 'times']);
suiteOn('local', () => new LocalDriver({ path: root, create: false }, noLog), everything);
