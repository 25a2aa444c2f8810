import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accepts, freePort, ServerProcesses } from '../../test/servers/process.js';
import type { SftpSubject } from '../subject.js';

/** OpenSSH's sshd and `rclone serve sftp`, each on a folder of its own, for the key in `keyFile`. */
export async function startSftpPeers(folder: string, keyFile: string): Promise<SftpSubject[]> {
  return [await openssh(folder, keyFile), await rclone(folder, keyFile)];
}

async function openssh(folder: string, keyFile: string): Promise<SftpSubject> {
  const processes = await ServerProcesses.create('bench-sshd', ['sshd', 'ssh-keygen']);
  return processes.guard(async () => {
    const root = join(folder, 'sshd');
    mkdirSync(root, { recursive: true });
    mkdirSync('/run/sshd', { recursive: true }); // compiled into sshd
    const port = await freePort();
    const { dir } = processes;
    await processes.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'host_key')]);
    const config = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${dir}/host_key`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'MaxStartups 100',
      `AuthorizedKeysFile ${keyFile}.pub`,
      'Subsystem sftp internal-sftp',
    ];
    writeFileSync(join(dir, 'sshd_config'), `${config.join('\n')}\n`);
    const started = performance.now();
    processes.spawn('server', '/usr/sbin/sshd', ['-D', '-e', '-f', join(dir, 'sshd_config')]);
    await processes.waitFor('server', () => accepts(port));
    return {
      name: 'OpenSSH sshd',
      root,
      pid: processes.pidOf('server'),
      startSeconds: (performance.now() - started) / 1000,
      port,
      user: process.env.USER ?? 'root',
      keyFile,
      directory: root,
      stop: () => processes.stop(),
    };
  });
}

async function rclone(folder: string, keyFile: string): Promise<SftpSubject> {
  const processes = await ServerProcesses.create('bench-rclone-sftp', ['rclone']);
  return processes.guard(async () => {
    const root = join(folder, 'rclone-sftp');
    mkdirSync(root, { recursive: true });
    const port = await freePort();
    const started = performance.now();
    const options = ['--authorized-keys', `${keyFile}.pub`, '--config', '/dev/null', '--vfs-cache-mode', 'writes'];
    processes.spawn(
      'server',
      'rclone',
      ['serve', 'sftp', root, '--addr', `127.0.0.1:${port}`, '--user', 'bench', '--dir-cache-time', '1s', ...options],
      { XDG_CACHE_HOME: join(folder, 'rclone-cache') },
    );
    await processes.waitFor('server', () => accepts(port));
    return {
      name: 'rclone serve sftp',
      root,
      pid: processes.pidOf('server'),
      startSeconds: (performance.now() - started) / 1000,
      port,
      user: 'bench',
      keyFile,
      directory: '/',
      stop: () => processes.stop(),
    };
  });
}
