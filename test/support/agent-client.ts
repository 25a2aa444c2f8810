import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ClientFile, ClientStat, FileClient, OpenMode } from '../conformance/files.js';
import type { AgentAnswer } from './file-agent.js';

/** A process of its own that works on files below a folder. */
export interface Agent {
  readonly client: FileClient;
  /** The same in a folder below the first. */
  below(path: string): FileClient;
  readonly pid: number;
  /** Ends it, with all that it has open. */
  end(): Promise<void>;
}

export function startAgent(root: string): Agent {
  const script = fileURLToPath(new URL('./file-agent.js', import.meta.url));
  const child = fork(script, [], { serialization: 'advanced', execArgv: [] });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 1;
  child.on('message', ({ id, value, code, message }: AgentAnswer) => {
    const one = waiting.get(id);
    waiting.delete(id);
    if (code === undefined) one?.resolve(value);
    else one?.reject(Object.assign(new Error(message), { code }));
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the agent ended'));
  });
  const ask = <T>(op: string, ...args: readonly unknown[]) =>
    new Promise<T>((resolve, reject) => {
      const id = next++;
      waiting.set(id, { resolve: (value) => resolve(value as T), reject });
      child.send({ id, op, args });
    });
  return {
    client: clientOf(root, ask),
    below: (path) => clientOf(root + path, ask),
    pid: child.pid ?? 0,
    end: () => ended(child),
  };
}

type Ask = <T>(op: string, ...args: readonly unknown[]) => Promise<T>;

function clientOf(root: string, ask: Ask): FileClient {
  const at = (path: string) => (path === '/' ? root : `${root}${path}`);
  return {
    open: async (path: string, mode: OpenMode) => fileOf(await ask<number>('open', at(path), mode), ask),
    stat: (path) => ask<ClientStat>('stat', at(path)),
    list: (path) => ask<string[]>('list', at(path)),
    mkdir: (path) => ask('mkdir', at(path)),
    rmdir: (path) => ask('rmdir', at(path)),
    unlink: (path) => ask('unlink', at(path)),
    rename: (from, to) => ask('rename', at(from), at(to)),
    truncate: (path, size) => ask('truncate', at(path), size),
    setTimes: (path, mtime) => ask('setTimes', at(path), mtime),
    chmod: (path, mode) => ask('chmod', at(path), mode),
    symlink: (path, target) => ask('symlink', at(path), target),
    readlink: (path) => ask<string>('readlink', at(path)),
    link: (existing, path) => ask('link', at(existing), at(path)),
    statfs: (path) => ask('statfs', at(path)),
  };
}

function fileOf(id: number, ask: Ask): ClientFile {
  return {
    read: async (position, length) => Buffer.from(await ask<Uint8Array>('read', id, position, length)),
    write: (position, bytes) => ask('write', id, position, bytes),
    truncate: (size) => ask('ftruncate', id, size),
    stat: () => ask<ClientStat>('fstat', id),
    sync: () => ask('sync', id),
    close: () => ask('close', id),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
