import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join as joinFile } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { layered } from '../../mounts/layers/index.js';
import { SftpDriver, type SftpOptions } from '../../mounts/sftp/driver.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { Secret } from '../../src/core/secret.js';
import { driverSuite } from '../conformance/driver.js';
import { type Sshd, startSshd } from '../servers/sshd.js';

const test = anyTest as TestFn;
let sshd: Sshd;

test.before(async () => {
  sshd = await startSshd();
});
test.after.always(async () => {
  await sshd?.stop();
});

/** A driver on a server, by key; `change` replaces options. */
function driverOf(server: Sshd, change: Partial<SftpOptions> = {}): SftpDriver {
  const { host, port, path, fingerprint } = server;
  return new SftpDriver(
    { host, port, path, hostKeys: [fingerprint], knownHosts: undefined, connections: 4, ...change },
    { credentials: { user: server.user, privateKey: new Secret(readFileSync(server.key, 'utf8')) }, log: noLog },
  );
}

/** A folder of its own at the server. */
async function folderOf(server: Sshd): Promise<{ local: string; path: string; name: string }> {
  const name = randomBytes(6).toString('hex');
  const local = joinFile(server.files, name);
  await mkdir(local);
  const { uid, gid } = statSync(server.files);
  await chown(local, uid, gid);
  return { local, path: `${server.path}/${name}`, name };
}

driverSuite(
  test,
  async () => {
    const { local, path } = await folderOf(sshd);
    return {
      driver: layered(driverOf(sshd, { path }), { mount: '/sftp', meter: noMeter, log: noLog }),
      cleanup: () => rm(local, { recursive: true, force: true }),
      leaveTemporary: () => writeFile(joinFile(local, `${TEMPORARY_PREFIX}left`), 'left'),
    };
  },
  {
    exceptions: [
      {
        case: 'what is put under one name of a linked file is there under the other',
        reason: 'SFTP version 3 tells neither inode nor link count, so a put cannot know of the other name',
      },
    ],
    requires: ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'statfs', 'open', 'purge'],
  },
);
