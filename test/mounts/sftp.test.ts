import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { layered } from '../../mounts/layers/index.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { ROOT } from '../../src/core/path.js';
import { driverSuite, type Make } from '../conformance/driver.js';
import { type Sshd, startSshd } from '../servers/sshd.js';
import { driverOf, folderOf } from '../support/sftp.js';

const test = anyTest as TestFn;
let openssh: Sshd;
let plain: Sshd;

test.before(async () => {
  openssh = await startSshd();
  // The protocol as the draft has it, as servers other than OpenSSH may be.
  plain = await startSshd({
    deny: ['posix-rename', 'statvfs', 'hardlink', 'fsync', 'lsetstat', 'limits', 'copy-data'],
  });
});
test.after.always(async () => {
  await openssh?.stop();
  await plain?.stop();
});

const on =
  (server: () => Sshd): Make =>
  async () => {
    const { local, path } = await folderOf(server());
    const driver = layered(driverOf(server(), { path }), { mount: '/sftp', meter: noMeter, log: noLog });
    await driver.stat(ROOT); // traits are known from the first connection on
    return {
      driver,
      cleanup: () => rm(local, { recursive: true, force: true }),
      leaveTemporary: () => writeFile(join(local, `${TEMPORARY_PREFIX}left`), 'left'),
    };
  };

const requires = ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'statfs', 'open', 'purge'] as const;

driverSuite(
  test,
  on(() => openssh),
  {
    requires,
    exceptions: [
      {
        case: 'what is put under one name of a linked file is there under the other',
        reason: 'SFTP version 3 tells neither inode nor link count, so a put cannot know of the other name',
      },
    ],
  },
);

const without = (what: string) => `refused with ENOTSUP: the server offers no ${what}`;
driverSuite(
  test,
  on(() => plain),
  {
    prefix: 'without extensions',
    requires,
    listing: 1_000,
    exceptions: [
      { case: 'copy makes a second, independent file', reason: without('copy-data') },
      { case: 'copy replaces a file, and nothing else', reason: without('copy-data') },
      { case: 'statfs makes sense', reason: without('statvfs') },
      { case: 'a hard link is a second name for the same file', reason: without('hardlink') },
      { case: 'what is put under one name of a linked file is there under the other', reason: without('hardlink') },
      { case: 'rename between two names of one file leaves both', reason: without('hardlink') },
    ],
  },
);
