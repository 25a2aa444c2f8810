import { randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { chown, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from '../../mounts/driver.js';
import { SftpDriver, type SftpOptions } from '../../mounts/sftp/driver.js';
import { noLog } from '../../src/core/log.js';
import { Secret } from '../../src/core/secret.js';
import type { Sshd } from '../servers/sshd.js';

export function keyOf({ user, key }: Pick<Sshd, 'user' | 'key'>): Credentials {
  return { user, privateKey: new Secret(readFileSync(key, 'utf8')) };
}

/** A driver on a server, by key unless `credentials` say otherwise; `change` replaces options. */
export function driverOf(server: Sshd, change: Partial<SftpOptions> = {}, credentials = keyOf(server)): SftpDriver {
  const { host, port, path, fingerprint } = server;
  return new SftpDriver(
    { host, port, path, hostKeys: [fingerprint], knownHosts: undefined, connections: 4, ...change },
    { credentials, log: noLog },
  );
}

/** A new folder at the server, as this machine and as the server has it. */
export async function folderOf(server: Sshd): Promise<{ readonly local: string; readonly path: string }> {
  const name = randomBytes(6).toString('hex');
  const local = join(server.files, name);
  await mkdir(local);
  const { uid, gid } = statSync(server.files);
  await chown(local, uid, gid);
  return { local, path: `${server.path}/${name}` };
}
