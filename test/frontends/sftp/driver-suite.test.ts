import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { layered } from '../../../mounts/layers/index.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { SftpDriver } from '../../../mounts/sftp/driver.js';
import { noLog } from '../../../src/core/log.js';
import { noMeter } from '../../../src/core/meter.js';
import { parsePath, ROOT } from '../../../src/core/path.js';
import { Secret } from '../../../src/core/secret.js';
import { driverSuite } from '../../conformance/driver.js';
import { alice } from '../../support/namespace.js';
import { type SftpDoor, startDoor } from '../../support/sftp-door.js';

const test = anyTest as TestFn;
let door: SftpDoor;
const teardowns: (() => Promise<void>)[] = [];

test.before(async () => {
  const home = new MemoryDriver({ capacity: 1 << 30 });
  door = await startDoor({ teardown: (act) => teardowns.unshift(act) }, { home });
});
test.after.always(async () => {
  for (const act of teardowns) await act();
});

driverSuite(
  test,
  async () => {
    const path = `/${randomUUID()}`;
    await door.views.of(alice).mkdir(parsePath(path));
    const driver = new SftpDriver(
      {
        host: '127.0.0.1',
        port: door.port,
        path,
        hostKeys: [await door.fingerprint()],
        knownHosts: undefined,
        connections: 4,
      },
      {
        credentials: { user: 'alice', privateKey: new Secret(await readFile(join(door.dir, 'id'), 'utf8')) },
        log: noLog,
      },
    );
    const whole = layered(driver, { mount: '/sftp', meter: noMeter, log: noLog });
    await whole.stat(ROOT);
    return { driver: whole, cleanup: async () => {} };
  },
  {
    listing: 1_000,
    requires: ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'statfs', 'open', 'purge'],
    exceptions: [
      {
        case: 'what is put under one name of a linked file is there under the other',
        reason: 'SFTP version 3 tells neither inode nor link count, so a put cannot know of the other name',
      },
    ],
  },
);
