import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerProcesses } from '../../test/servers/process.js';
import type { DriveSubject, SftpSubject } from '../subject.js';

/** The bare file system, `rclone mount` with its full cache, and sshfs on the given sshd. */
export async function startDrivePeers(folder: string, sshd: SftpSubject): Promise<DriveSubject[]> {
  const bare = join(folder, 'bare');
  mkdirSync(bare, { recursive: true });
  return [
    { name: 'the bare file system', root: bare, path: bare, pid: 0, startSeconds: 0, stop: async () => {} },
    await mounted('rclone mount (full cache)', join(folder, 'rclone-mount'), 'rclone', (root, path) => [
      ...['mount', root, path, '--vfs-cache-mode', 'full', '--config', '/dev/null'],
      ...['--cache-dir', join(folder, 'rclone-mount-cache'), '--dir-cache-time', '1s', '--attr-timeout', '1s'],
    ]),
    await mounted('sshfs', join(folder, 'sshfs'), 'sshfs', (root, path) => [
      `${sshd.user}@127.0.0.1:${root}`,
      ...[path, '-f', '-p', String(sshd.port), '-o', `IdentityFile=${sshd.keyFile}`],
      ...['-o', 'StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null,IdentitiesOnly=yes'],
    ]),
  ];
}

async function mounted(
  name: string,
  folder: string,
  program: string,
  args: (root: string, path: string) => string[],
): Promise<DriveSubject> {
  const [root, path] = [join(folder, 'root'), join(folder, 'mount')];
  mkdirSync(root, { recursive: true });
  mkdirSync(path, { recursive: true });
  const processes = await ServerProcesses.create(`bench-${program}-mount`, [program, 'fusermount3']);
  return processes.guard(async () => {
    const started = performance.now();
    processes.spawn('server', program, args(root, path));
    await processes.waitFor('server', async () => readFileSync('/proc/self/mounts', 'utf8').includes(` ${path} `));
    return {
      name,
      root,
      path,
      pid: processes.pidOf('server'),
      startSeconds: (performance.now() - started) / 1000,
      async stop() {
        execFileSync('fusermount3', ['-uz', path]);
        await processes.stop();
      },
    };
  });
}
