import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import ssh2 from 'ssh2';
import { HTTP_LIMITS } from '../../src/frontends/http/limits.js';
import { DEFAULT_LIMITS } from '../../src/frontends/sftp/limits.js';
import { ask } from '../support/http-client.js';
import { tempFolder } from '../support/temp.js';

/* Many clients that say nothing, from ten addresses, with the caps of the daemon; and one that works. */

const MiB = 1024 * 1024;
const ADDRESSES = Array.from({ length: 10 }, (_, index) => `127.0.0.${index + 2}`);

test.serial('10,000 idle HTTP connections: bounded, and no obstacle to somebody else', async (t) => {
  t.timeout(240_000);
  const doors = await start(t);
  const cap = HTTP_LIMITS.connectionsPerAddress;
  const each = Math.min(cap, Math.floor((openFiles() - 200) / ADDRESSES.length));
  if (each < cap) t.log(`only ${each} from each address: this process may not open more files`);
  const before = await doors.memory();
  const crowd = new Crowd(t, doors.web);
  for (const address of ADDRESSES) await crowd.come(address, each, silence);
  t.is((await ask(doors.web.origin, '/healthz')).status, 200);
  const after = await doors.memory();
  t.log(`${crowd.open} open, ${Math.round(before / MiB)} MiB before, ${Math.round(after / MiB)} MiB with them`);
  t.true(after - before < 256 * MiB, `${after - before} bytes more`);
  // Whoever came since took the place of an idle one.
  t.true(crowd.open >= each * ADDRESSES.length - 1 && crowd.open <= HTTP_LIMITS.connections, `${crowd.open} open`);

  if (each === cap) {
    const closing = (socket: Socket) => new Promise((closed) => silence(socket).once('close', closed));
    await Promise.race(await crowd.come(ADDRESSES[0]!, cap + 1 - crowd.from(ADDRESSES[0]!), closing));
    t.is(crowd.from(ADDRESSES[0]!), cap, 'the one over the cap of its address was closed');
  }
  for (let i = 0; i < 20; i++) t.is((await ask(doors.web.origin, '/readyz')).status, 200);

  await doors.stop();
  await crowd.gone();
  t.is(crowd.open, 0);
});

test.serial('2,000 SSH connections that never sign in: few get in, and somebody else does', async (t) => {
  t.timeout(240_000);
  const doors = await start(t);
  const crowd = new Crowd(t, doors.sftp);
  for (const address of ADDRESSES) {
    const said = await Promise.all(await crowd.come(address, 200, firstWords));
    const welcome = said.filter((words) => words.startsWith('SSH-2.0-')).length;
    t.is(welcome, DEFAULT_LIMITS.anonymousPerAddress);
    t.true(said.every((words) => words.startsWith('SSH-2.0-') || words === 'Too many connections\r\n'));
  }
  t.is(ADDRESSES.length * DEFAULT_LIMITS.anonymousPerAddress, DEFAULT_LIMITS.anonymous, 'so all places are taken');
  for (let i = 0; i < 3; i++) t.deepEqual(await listing(doors.sftp, doors.password), []);
  t.true((await doors.memory()) < 512 * MiB);
  await doors.stop();
  await crowd.gone();
});

interface Doors {
  readonly web: URL;
  readonly sftp: URL;
  readonly password: string;
  /** Resident memory of the process, in bytes. */
  memory(): Promise<number>;
  /** Asks it to end, and waits until it has. */
  stop(): Promise<void>;
}

async function start(t: ExecutionContext): Promise<Doors> {
  const dir = await tempFolder(t);
  const password = 'not to be guessed';
  await writeFile(join(dir, 'password'), password, { mode: 0o600 });
  const program = fileURLToPath(new URL('../support/crowd-process.js', import.meta.url));
  const child = spawn(process.execPath, [program, join(dir, 'host'), join(dir, 'password')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => end(child));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error('the front ends ended')));
  });
  const where = (door: string) => new URL(new RegExp(`\\b${door}=(\\S+)`).exec(line)?.[1] ?? '');
  return {
    web: where('web'),
    sftp: where('sftp'),
    password,
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    stop: async () => void t.is(await end(child), 0),
  };
}

async function end(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.kill('SIGTERM')) await once(child, 'exit');
  return child.exitCode;
}

/** Files this process, and its children, may have open; node has raised its own limit as far as it may. */
function openFiles(): number {
  const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

class Crowd {
  readonly sockets: Socket[] = [];
  readonly #where: URL;

  constructor(t: ExecutionContext, where: URL) {
    this.#where = where;
    t.teardown(() => {
      for (const socket of this.sockets) socket.destroy();
    });
  }

  /** Connections that are open as far as we were told. */
  get open(): number {
    return this.sockets.filter(({ closed }) => !closed).length;
  }

  from(address: string): number {
    return this.sockets.filter(({ closed, localAddress }) => !closed && localAddress === address).length;
  }

  /** @param hear  what is done with each from the beginning: unread, nobody would hear that it was closed */
  async come<T>(localAddress: string, count: number, hear: (socket: Socket) => T): Promise<readonly T[]> {
    const come = Array.from({ length: count }, () => {
      const socket = connect({ host: this.#where.hostname, port: Number(this.#where.port), localAddress });
      socket.on('error', () => {});
      this.sockets.push(socket);
      return { heard: hear(socket), connected: once(socket, 'connect') };
    });
    await Promise.all(come.map(({ connected }) => connected));
    return come.map(({ heard }) => heard);
  }

  async gone(): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket.closed || once(socket, 'close')));
  }
}

const silence = (socket: Socket) => socket.resume();

function firstWords(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    socket.once('close', () => resolve(''));
  });
}

function listing({ hostname, port }: URL, password: string): Promise<readonly string[]> {
  const client = new ssh2.Client();
  return new Promise<readonly string[]>((resolve, reject) => {
    client.once('error', reject);
    client.once('ready', () => {
      client.sftp((error, sftp) => {
        if (error) return reject(error);
        sftp.readdir('/', (failed, list) => (failed ? reject(failed) : resolve(list.map(({ filename }) => filename))));
        return undefined;
      });
    });
    client.connect({ host: hostname, port: Number(port), username: 'alice', password });
  }).finally(() => client.end());
}
