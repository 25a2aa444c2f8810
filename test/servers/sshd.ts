import { appendFile, chmod, chown, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, ServerProcesses } from './process.js';

/** An OpenSSH server for SFTP, on 127.0.0.1. */
export interface Sshd {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Undefined where sshd does not run as root: then only the key signs in. */
  readonly password: string | undefined;
  /** Files of the user's private keys: plain, and with `passphrase`. */
  readonly key: string;
  readonly keyWithPassphrase: string;
  readonly passphrase: string;
  /** `ssh-ed25519 AAAA…` */
  readonly hostKey: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /** A known_hosts file with this server. */
  readonly knownHosts: string;
  /** The folder that the user sees, on this machine. */
  readonly files: string;
  /** The same folder as the server has it: `/files` inside a chroot. */
  readonly path: string;
  /** A folder for the test's own use. */
  readonly dir: string;
  /** Kills the server with all its connections. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the same keys. */
  restart(): Promise<void>;
  /** Makes it show a new host key from its next start on. @returns the new fingerprint */
  changeHostKey(): Promise<string>;
  stop(): Promise<void>;
}

const SSHD = '/usr/sbin/sshd';
const UID = 20001;

export interface SshdOptions {
  /** SFTP requests that the server refuses and does not offer, by the names of sftp-server(8) -Q requests. */
  readonly deny?: readonly string[];
  /** Makes `files/small` a file system of so many bytes. Only as root. */
  readonly small?: number;
}

/**
 * As root: user alice, by password or key, locked into a root of her own, who exists only inside the server's mount
 * namespace. Otherwise: the own user, by key, not locked in.
 */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const asRoot = process.getuid?.() === 0;
  const needed = ['ssh-keygen', 'setpriv', SSHD, ...(asRoot ? ['unshare', 'openssl'] : [])];
  const server = await ServerProcesses.create('sshd', needed);
  return server.guard(async () => {
    const { dir } = server;
    const port = await freePort();
    const user = asRoot ? 'alice' : userInfo().username;
    const password = asRoot ? 'alice-secret' : undefined;
    const passphrase = 'key-secret';
    const [hostKeyFile, key, keyWithPassphrase] = ['host_key', 'id', 'id_locked'].map((name) => join(dir, name));
    const newKey = async (file: string, phrase: string): Promise<void> => {
      await server.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', phrase, '-C', 'test', '-f', file]);
    };
    await newKey(hostKeyFile!, '');
    await newKey(key!, '');
    await newKey(keyWithPassphrase!, passphrase);
    const authorized = join(dir, 'authorized_keys');
    for (const file of [key!, keyWithPassphrase!]) await appendFile(authorized, await readFile(`${file}.pub`));
    await chmod(authorized, 0o644);

    const files = join(dir, 'root', user, 'files');
    await mkdir(files, { recursive: true });
    if (asRoot) await chown(files, UID, UID);
    const command = options.deny === undefined ? 'internal-sftp' : `internal-sftp -P ${options.deny.join(',')}`;
    const configuration = join(dir, 'sshd_config');
    await writeFile(
      configuration,
      [
        'ListenAddress 127.0.0.1',
        `Port ${port}`,
        `HostKey ${hostKeyFile}`,
        'PidFile none',
        'UsePAM no',
        `PasswordAuthentication ${asRoot ? 'yes' : 'no'}`,
        'KbdInteractiveAuthentication no',
        `AuthorizedKeysFile ${authorized}`,
        'MaxStartups 100',
        'MaxSessions 100',
        'UseDNS no',
        'AllowTcpForwarding no',
        'StrictModes no',
        `Subsystem sftp ${command}`,
        ...(asRoot ? [`ForceCommand ${command}`, 'ChrootDirectory /mnt/%u'] : []),
        '',
      ].join('\n'),
    );
    const etc = join(dir, 'etc');
    if (asRoot) await writeUsers(server, etc, user, password!);

    let listener: Process | undefined;
    const launch = async (): Promise<void> => {
      const sshd = [SSHD, '-D', '-e', '-f', configuration];
      if (asRoot) {
        const binds = ['passwd', 'group', 'shadow'].map((file) => `mount --bind ${join(etc, file)} /etc/${file}`);
        const small = `mount -t tmpfs -o size=${options.small},uid=${UID},gid=${UID} tmpfs ${join(files, 'small')}`;
        if (options.small !== undefined) {
          await mkdir(join(files, 'small'), { recursive: true });
          binds.push(small);
        }
        const script = [...binds, `mount --rbind ${join(dir, 'root')} /mnt`, `exec ${sshd.join(' ')}`].join('; ');
        await mkdir('/run/sshd', { recursive: true }); // compiled into sshd
        const inside = ['-m', '--propagation', 'slave', 'sh', '-ec', script];
        listener = await processOf(server.spawn('sshd', 'unshare', inside));
      } else listener = await processOf(server.spawn('sshd', sshd[0]!, sshd.slice(1)));
      await server.waitFor('sshd', () => greets(port));
    };
    // Each connection is a session of its own, which the listener's end leaves alone.
    const kill = async (): Promise<void> => {
      const connections = listener === undefined ? [] : await below(listener);
      listener = undefined;
      await server.end('sshd');
      for (const one of connections) await end(one);
    };
    await launch();

    const hostKey = (await readFile(`${hostKeyFile}.pub`, 'utf8')).trim();
    const knownHosts = join(dir, 'known_hosts');
    await writeFile(knownHosts, `[127.0.0.1]:${port} ${hostKey}\n`);
    const fingerprint = () => fingerprintOf(server, `${hostKeyFile}.pub`);
    return {
      host: '127.0.0.1',
      port,
      user,
      password,
      key: key!,
      keyWithPassphrase: keyWithPassphrase!,
      passphrase,
      hostKey,
      fingerprint: await fingerprint(),
      knownHosts,
      files,
      path: asRoot ? '/files' : files,
      dir,
      kill,
      restart: launch,
      changeHostKey: async () => {
        await rm(hostKeyFile!);
        await rm(`${hostKeyFile}.pub`);
        await newKey(hostKeyFile!, '');
        return fingerprint();
      },
      stop: async () => {
        await kill();
        await server.stop();
      },
    };
  });
}

/** The machine's users and one more, as files for a mount namespace. */
async function writeUsers(server: ServerProcesses, etc: string, user: string, password: string): Promise<void> {
  await mkdir(etc);
  const hash = (await server.run('openssl', ['passwd', '-6', password])).trim();
  const added: Readonly<Record<string, string>> = {
    passwd: `${user}:x:${UID}:${UID}::/:/bin/sh\n`,
    group: `${user}:x:${UID}:\n`,
    shadow: `${user}:${hash}:19000:0:99999:7:::\n`,
  };
  for (const [file, line] of Object.entries(added)) {
    await writeFile(join(etc, file), (await readFile(`/etc/${file}`, 'utf8')) + line);
    await chmod(join(etc, file), file === 'shadow' ? 0o600 : 0o644);
  }
}

async function fingerprintOf(server: ServerProcesses, file: string): Promise<string> {
  const printed = await server.run('ssh-keygen', ['-l', '-f', file]);
  return /SHA256:\S+/.exec(printed)![0];
}

/** A process, told apart from a later one of the same number by when it began. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly born: string;
}

async function processOf(pid: number): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // After the name in parentheses: state, parent, and the start time as the 20th field (proc(5)).
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [parent, born] = [fields?.[1], fields?.[19]];
  return parent === undefined || born === undefined ? undefined : { pid, parent: Number(parent), born };
}

async function isStill({ pid, born }: Process): Promise<boolean> {
  return (await processOf(pid))?.born === born;
}

/** The processes that descend from one that we started; none when that has ended, since its number may be another's now. */
async function below(ancestor: Process): Promise<Process[]> {
  if (!(await isStill(ancestor))) return [];
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(processOf))).filter((one) => one !== undefined);
  const found: Process[] = [];
  const parents = [ancestor.pid];
  for (const parent of parents) {
    for (const one of all.filter((candidate) => candidate.parent === parent)) {
      found.push(one);
      parents.push(one.pid);
    }
  }
  return found;
}

async function end(one: Process): Promise<void> {
  if (!(await isStill(one))) return;
  try {
    process.kill(one.pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

/** Whether an SSH server speaks on a port of 127.0.0.1. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(5_000, () => socket.destroy());
    socket.once('data', (data) => {
      resolve(data.toString('latin1').startsWith('SSH-2.0'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
