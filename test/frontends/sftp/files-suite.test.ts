import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestFn } from 'ava';
import type { Client } from 'ssh2';
import type { Driver } from '../../../mounts/driver.js';
import { LocalDriver } from '../../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { noLog } from '../../../src/core/log.js';
import { type Feature, type FilesOptions, filesSuite } from '../../conformance/files.js';
import { wholeBodies } from '../../support/namespace.js';
import { SftpFileClient } from '../../support/sftp-client.js';
import { startDoor } from '../../support/sftp-door.js';

/** One front end for all cases of a storage; each case has a session and a folder of its own. */
function suiteOn(
  prefix: string,
  home: () => Driver,
  features: readonly Feature[],
  exceptions: FilesOptions['exceptions'] = [],
): void {
  const teardowns: (() => Promise<void>)[] = [];
  let connect: () => Promise<Client>;
  test.before(async () => {
    const door = await startDoor({ teardown: (act) => teardowns.unshift(act) }, { home: home() });
    connect = () => door.client();
  });
  test.after.always(async () => {
    for (const act of teardowns) await act();
  });
  filesSuite(
    test as TestFn,
    async () => {
      const client = await connect();
      const session = await SftpFileClient.session(client);
      const folder = `/${randomUUID()}`;
      await new SftpFileClient(session, '').mkdir(folder);
      return {
        client: new SftpFileClient(session, folder),
        cleanup: async () => {
          client.end();
        },
      };
    },
    { prefix, features, exceptions, timeStep: 1000 },
  );
}

const root = await mkdtemp(join(tmpdir(), 'isthmus-sftp-files-'));
test.after.always(() => rm(root, { recursive: true, force: true }));

// One session sees its own unfinished files, so to itself it is as POSIX has it.
const everything: readonly Feature[] = ['shared', 'append', 'permissions', 'times', 'symlinks', 'space'];
suiteOn('memory', () => new MemoryDriver({ capacity: 1 << 30 }), everything);
suiteOn(
  'whole bodies',
  () => wholeBodies(new MemoryDriver()),
  ['shared', 'append', 'times'],
  [
    {
      case: 'after an unlink the name is free',
      reason: 'a storage that holds no file open has lost it: its reader gets an error rather than another content',
    },
  ],
);
suiteOn('local', () => new LocalDriver({ path: root, create: false }, noLog), everything);
