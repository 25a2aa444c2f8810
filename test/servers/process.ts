import { execFile, spawn as spawnProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Debian keeps servers where the PATH of ordinary users does not look. */
const PATH = [process.env.PATH ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);
const START_SECONDS = 60;
const STOP_SECONDS = 8;

interface Spawned {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  ended: boolean;
  readonly end: Promise<void>;
}

/**
 * The processes of one real server, with all their state in one temporary folder. They end with `stop`, with the test
 * process, and (by the kernel's parent-death signal) also when the test process is killed.
 *
 *     const server = await ServerProcesses.create('radosgw', ['radosgw', 'ceph-mon']);
 *     return server.guard(async () => {
 *       server.spawn('mon', 'ceph-mon', ['-f']);
 *       await server.waitFor('mon', () => answersHttp(url));
 *       return { url, stop: () => server.stop() };
 *     });
 */
export class ServerProcesses {
  readonly dir: string;
  readonly #name: string;
  readonly #spawned: Spawned[] = [];
  readonly #onExit = () => this.#kill();

  private constructor(name: string, dir: string) {
    this.#name = name;
    this.dir = dir;
    process.on('exit', this.#onExit);
  }

  /**
   * Makes the folder, which other users can walk through.
   * @param commands  programs that must be installed
   * @throws Error naming what is missing
   */
  static async create(name: string, commands: readonly string[]): Promise<ServerProcesses> {
    const missing = commands.filter((command) => !isInstalled(command));
    if (missing.length > 0) throw new Error(`${name}: not installed: ${missing.join(', ')} (Debian: see .ci/run)`);
    const dir = await mkdtemp(join(tmpdir(), `isthmus-${name}-`));
    await chmod(dir, 0o711);
    await mkdir(join(dir, 'log'));
    return new ServerProcesses(name, dir);
  }

  /** Runs `start`; when it throws, stops everything and throws with the ends of the logs. */
  async guard<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await start();
    } catch (cause) {
      const logs = this.#tail();
      await this.stop();
      throw new Error(`${this.#name} did not start: ${cause instanceof Error ? cause.message : cause}\n${logs}`, {
        cause,
      });
    }
  }

  /**
   * Starts a program that stays in the foreground; output goes to `log/<name>.log`.
   * @returns its process id
   */
  spawn(name: string, command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): number {
    const log = join(this.dir, 'log', `${name}.log`);
    const out = openSync(log, 'a');
    const child = spawnProcess('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      cwd: this.dir,
      detached: true, // a process group of its own: its children can be ended with it
      env: { ...process.env, ...env, PATH },
      stdio: ['ignore', out, out],
    });
    closeSync(out);
    child.unref();
    if (child.pid === undefined) throw new Error(`${this.#name}: cannot start ${command}`);
    const end = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const spawned: Spawned = { name, pid: child.pid, log, ended: false, end };
    child.once('exit', () => {
      spawned.ended = true;
    });
    child.once('error', () => {});
    this.#spawned.push(spawned);
    return child.pid;
  }

  /** The process id of the one that was last started under this name. */
  pidOf(name: string): number {
    const pid = this.#spawned.findLast((one) => one.name === name)?.pid;
    if (pid === undefined) throw new Error(`${this.#name}: no process ${name}`);
    return pid;
  }

  /** Runs a program to its end and returns what it printed. */
  async run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd: this.dir,
      env: { ...process.env, ...env, PATH },
      timeout: START_SECONDS * 1000,
      maxBuffer: 16 << 20,
    });
    return stdout;
  }

  /** Waits until `probe` says true; fails when the process ends before, or after a minute. */
  async waitFor(name: string, probe: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_SECONDS * 1000;
    while (!(await probe().catch(() => false))) {
      if (this.#spawned.findLast((one) => one.name === name)?.ended) throw new Error(`${name} ended`);
      if (Date.now() > deadline) throw new Error(`${name} does not answer`);
      await sleep(50);
    }
  }

  /** Ends one process (or all of that name) and waits for it; to take a server away in a test. */
  async end(name: string): Promise<void> {
    for (const one of this.#spawned.filter((candidate) => candidate.name === name)) await endOne(one);
  }

  /** Ends every process, the last one started first, and removes the folder. May be called twice. */
  async stop(): Promise<void> {
    for (const one of this.#spawned.toReversed()) await endOne(one);
    process.off('exit', this.#onExit);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  #kill(): void {
    for (const one of this.#spawned) if (!one.ended) signalGroup(one.pid, 'SIGKILL');
    rmSync(this.dir, { recursive: true, force: true });
  }

  #tail(): string {
    const dir = join(this.dir, 'log');
    return readdirSync(dir)
      .map((file) => `${file}: ${readFileSync(join(dir, file), 'utf8').slice(-1000)}`)
      .join('\n');
  }
}

async function endOne(one: Spawned): Promise<void> {
  if (!one.ended) {
    signalGroup(one.pid, 'SIGTERM');
    // The children are not waited for by the event loop, this timer is.
    const impatience = setTimeout(() => signalGroup(one.pid, 'SIGKILL'), STOP_SECONDS * 1000);
    await one.end;
    clearTimeout(impatience);
  }
  // Children may outlive the one that was told; the group is theirs as long as one lives.
  signalGroup(one.pid, 'SIGKILL');
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // the group is empty
  }
}

/** Whether a program, by name or absolute path, can be found. */
export function isInstalled(command: string): boolean {
  if (isAbsolute(command)) return existsSync(command);
  return PATH.split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, command)));
}

const given = new Set<number>();

/** A free port of 127.0.0.1, below the kernel's range for outgoing connections; never the same twice in a process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port');
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Whether something accepts connections on a port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Whether a URL answers HTTP, with a status below 300 unless `any` status will do. */
export async function answersHttp(
  url: string,
  options: { any?: boolean; headers?: Readonly<Record<string, string>> } = {},
): Promise<boolean> {
  const answer = await fetch(url, { headers: { ...options.headers }, signal: AbortSignal.timeout(5000) });
  await answer.body?.cancel();
  return options.any === true || answer.ok;
}
