import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import type { Driver } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import type { Authenticator } from '../../src/auth/authenticator.js';
import type { Principal } from '../../src/auth/principal.js';
import { type Logger, noLog } from '../../src/core/log.js';
import { type Meter, noMeter } from '../../src/core/meter.js';
import { generateEd25519 } from '../../src/frontends/sftp/host-keys.js';
import type { Limits } from '../../src/frontends/sftp/limits.js';
import { SftpServer } from '../../src/frontends/sftp/server.js';
import type { Views } from '../../src/vfs/views.js';
import { isInstalled } from '../servers/process.js';
import { alice, type TestMount, testNamespace } from './namespace.js';

export const PASSWORD = 'correct horse battery staple';

interface Teardown {
  teardown(act: () => Promise<void>): void;
}

/** What programs leave behind when they end. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Knows alice, by password and by one key, until she is told to go. */
export class OneUser implements Authenticator {
  readonly #key: Buffer;
  gone = false;

  constructor(publicKey: Buffer) {
    this.#key = publicKey;
  }

  async password(name: string, password: { reveal(): string }): Promise<Principal | undefined> {
    return !this.gone && name === alice.name && password.reveal() === PASSWORD ? alice : undefined;
  }

  async publicKey(name: string, key: Uint8Array): Promise<Principal | undefined> {
    return !this.gone && name === alice.name && this.#key.equals(key) ? alice : undefined;
  }

  async current(principal: Principal): Promise<Principal | undefined> {
    return this.gone ? undefined : principal;
  }
}

/** A running SFTP front end, and what clients need to reach it. */
export class SftpDoor {
  readonly server: SftpServer;
  readonly port: number;
  /** A folder for the test's own files. */
  readonly dir: string;
  readonly user: OneUser;
  readonly views: Views;
  readonly #options: readonly string[];

  constructor(server: SftpServer, port: number, dir: string, user: OneUser, views: Views) {
    this.server = server;
    this.port = port;
    this.dir = dir;
    this.user = user;
    this.views = views;
    const options = {
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      IdentityFile: join(dir, 'id'),
      IdentitiesOnly: 'yes',
    };
    this.#options = [
      '-F',
      '/dev/null',
      ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ];
  }

  /** Options for ssh, sftp, scp and sshfs, with the key that signs in. */
  get options(): string[] {
    return [...this.#options];
  }

  /** Runs sftp with these commands, one a line. */
  async sftp(commands: readonly string[], more: readonly string[] = []): Promise<Ran> {
    const batch = join(this.dir, `batch-${Math.random().toString(36).slice(2)}`);
    await writeFile(batch, `${commands.join('\n')}\n`);
    return await run('sftp', [...this.options, ...more, '-P', String(this.port), '-b', batch, 'alice@127.0.0.1']);
  }

  /** Runs scp; `:path` stands for a path of the server. */
  async scp(...args: readonly string[]): Promise<Ran> {
    const full = args.map((arg) => (arg.startsWith(':') ? `alice@127.0.0.1${arg}` : arg));
    return await run('scp', [...this.options, '-P', String(this.port), ...full]);
  }

  /** The fingerprint of the host key, as `ssh-keygen -l` prints it. */
  async fingerprint(): Promise<string> {
    const { stdout } = await run('ssh-keygen', ['-l', '-f', join(this.dir, 'ssh_host_ed25519_key')]);
    return /SHA256:\S+/.exec(stdout)?.[0] ?? '';
  }

  /** A client of the ssh2 library. */
  client(): Promise<ssh2.Client> {
    const client = new ssh2.Client();
    return new Promise((resolve, reject) => {
      client.once('ready', () => resolve(client));
      client.once('error', reject);
      client.connect({ host: '127.0.0.1', port: this.port, username: 'alice', password: PASSWORD });
    });
  }
}

export interface DoorOptions {
  readonly home?: Driver;
  readonly mounts?: readonly TestMount[];
  readonly limits?: Partial<Limits>;
  readonly hostKeys?: readonly string[];
  readonly log?: Logger;
  readonly meter?: Meter;
}

/** Starts a front end for alice, whose home is in memory unless another is given. */
export async function startDoor(t: Teardown, options: DoorOptions = {}): Promise<SftpDoor> {
  const missing = ['sftp', 'scp', 'sshpass', 'rclone', 'sshfs'].filter((command) => !isInstalled(command));
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`);
  const dir = await mkdtemp(join(tmpdir(), 'isthmus-sftp-'));
  const { home = new MemoryDriver(), mounts = [], limits, hostKeys = [], log = noLog, meter = noMeter } = options;
  const keys = generateEd25519('alice');
  await writeFile(join(dir, 'id'), keys.private, { mode: 0o600 });
  const parsed = ssh2.utils.parseKey(keys.public);
  if (parsed instanceof Error) throw parsed;
  const user = new OneUser(parsed.getPublicSSH());
  const views = await testNamespace(t, mounts, () => home);
  const server = new SftpServer({
    listen: { host: '127.0.0.1', port: 0 },
    hostKeys,
    defaultHostKey: join(dir, 'ssh_host_ed25519_key'),
    auth: user,
    views,
    meter,
    log,
    limits,
  });
  t.teardown(async () => {
    await server.stop(Date.now() + 2000);
    await rm(dir, { recursive: true, force: true });
  });
  const url = await server.start();
  return new SftpDoor(server, Number(new URL(url).port), dir, user, views);
}

/** Runs a program to its end; at most two minutes. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly input?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { timeout: 120_000, maxBuffer: 64 << 20, env: { ...process.env, ...options.env } },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
        resolve({ code, stdout, stderr });
      },
    );
    // A program may end without reading what it is given.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}
