import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../../bin/isthmus', import.meta.url));
const START_MS = 60_000;

/** Free ports and a drive; `mounts:` and other sections go below. */
export const BASE_CONFIG = `
node: { name: node-a.example.org, state: ./data }
web: { listen: "127.0.0.1:0" }
sftp: { listen: "127.0.0.1:0" }
metrics: { listen: "127.0.0.1:0" }
`;

/** The real daemon, started by its command in a folder of its own. */
export interface Daemon {
  readonly folder: string;
  readonly configFile: string;
  readonly pid: number;
  /** The pairs of the ready line: web, dav, sftp, drive, metrics. */
  readonly ready: Readonly<Record<string, string>>;
  /** All that it printed to standard output and to standard error so far. */
  readonly out: () => string;
  readonly log: () => string;
  /** The first user's password. */
  readonly password: string;
  /** Ends it and waits. @returns its exit code, or the signal that ended it */
  stop(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

/** What a run of the command printed. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Teardown {
  teardown(act: () => Promise<void>): void;
}

/** A folder for a daemon, removed when the test ends. */
export async function daemonFolder(t: Teardown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-daemon-'));
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/**
 * Starts `isthmus serve` and waits for its ready line; it is stopped when the test ends.
 * @param config  the YAML file; relative paths are relative to `folder`
 * @throws Error with what it printed, when it ends before it is ready
 */
export async function startDaemon(t: Teardown, folder: string, config = BASE_CONFIG): Promise<Daemon> {
  const configFile = join(folder, 'isthmus.yaml');
  await writeFile(configFile, config);
  const child = spawn(process.execPath, [COMMAND, 'serve', '--config', configFile], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', log: '' };
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? -1));
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    const impatience = setTimeout(() => child.kill('SIGKILL'), START_MS);
    const how = await ended;
    clearTimeout(impatience);
    return how;
  };
  t.teardown(async () => void (await stop()));
  const ready = await readyLine(child, said);
  return {
    folder,
    configFile,
    pid: child.pid ?? 0,
    ready: Object.fromEntries([...ready.matchAll(/(\w+)=(\S+)/g)].map(([, key, value]) => [key, value])),
    out: () => said.out,
    log: () => said.log,
    get password() {
      return readFileSync(join(folder, 'data/initial-password'), 'utf8').trim();
    },
    stop,
  };
}

function readyLine(child: ChildProcess, said: { out: string; log: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready after ${START_MS} ms: ${said.log}`)), START_MS);
    child.stderr?.on('data', (chunk: Buffer) => {
      said.log += chunk.toString();
    });
    child.stdout?.on('data', (chunk: Buffer) => {
      said.out += chunk.toString();
      const line = /^ready .*$/m.exec(said.out)?.[0];
      if (line === undefined) return;
      clearTimeout(timer);
      resolve(line);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the daemon ended with ${signal ?? code}:\n${said.out}${said.log}`));
    });
  });
}

/** Runs `isthmus` to its end. */
export function isthmus(cwd: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd, stdio: 'pipe', timeout: START_MS });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(input);
  });
}
