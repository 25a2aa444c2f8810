import { constants } from 'node:fs';
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rmdir,
  statfs,
  symlink,
  truncate,
  unlink,
} from 'node:fs/promises';
import type { ClientStat, OpenMode } from '../conformance/files.js';

/*
 * Works on files for a test in another process: a thread that waits on a drive of its own process would wait for ever.
 * Messages are `{ id, op, args }`, answers `{ id, value }` or `{ id, code, message }`.
 */
export interface AgentRequest {
  readonly id: number;
  readonly op: string;
  readonly args: readonly unknown[];
}
export interface AgentAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly code?: string;
  readonly message?: string;
}

const files = new Map<number, FileHandle>();
let next = 1;

function shown(stat: Awaited<ReturnType<typeof lstat>>): ClientStat {
  const kind = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'file';
  const { size, mtimeMs, mode, nlink, ino } = stat;
  return {
    kind,
    size: Number(size),
    mtime: Number(mtimeMs),
    mode: Number(mode) & 0o7777,
    links: Number(nlink),
    node: Number(ino),
  };
}

function flags({ read, write, create, exclusive, truncate: cut, append }: OpenMode): number {
  return (
    (write ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY) |
    (create ? constants.O_CREAT : 0) |
    (exclusive ? constants.O_EXCL : 0) |
    (cut ? constants.O_TRUNC : 0) |
    (append ? constants.O_APPEND : 0)
  );
}

function file(id: number): FileHandle {
  const found = files.get(id);
  if (found === undefined) throw Object.assign(new Error('no such file'), { code: 'EBADF' });
  return found;
}

// The arguments come from our own test, through structured cloning, so they are what the other side was given.
const operations: Readonly<Record<string, (...args: never[]) => Promise<unknown>>> = {
  async open(path: string, mode: OpenMode) {
    const id = next++;
    files.set(id, await open(path, flags(mode), mode.mode ?? 0o644));
    return id;
  },
  async read(id: number, position: number, length: number) {
    const into = Buffer.alloc(length);
    const { bytesRead } = await file(id).read(into, 0, length, position);
    return into.subarray(0, bytesRead);
  },
  async write(id: number, position: number, bytes: Uint8Array) {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file(id).write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  },
  ftruncate: (id: number, size: number) => file(id).truncate(size),
  fstat: async (id: number) => shown(await file(id).stat()),
  sync: (id: number) => file(id).sync(),
  async close(id: number) {
    const closing = file(id);
    files.delete(id);
    await closing.close();
  },
  stat: async (path: string) => shown(await lstat(path)),
  list: (path: string) => readdir(path),
  mkdir: (path: string) => mkdir(path),
  rmdir: (path: string) => rmdir(path),
  unlink: (path: string) => unlink(path),
  rename: (from: string, to: string) => rename(from, to),
  truncate: (path: string, size: number) => truncate(path, size),
  setTimes: (path: string, mtime: number) => lutimes(path, mtime / 1000, mtime / 1000),
  chmod: (path: string, mode: number) => chmod(path, mode),
  symlink: (path: string, target: string) => symlink(target, path),
  readlink: (path: string) => readlink(path),
  link: (existing: string, path: string) => link(existing, path),
  async statfs(path: string) {
    const { blocks, bavail, bsize } = await statfs(path);
    return { total: blocks * bsize, free: bavail * bsize };
  },
};

process.on('message', ({ id, op, args }: AgentRequest) => {
  const operation = operations[op];
  const answer = (message: AgentAnswer) => process.send?.(message);
  if (operation === undefined) return answer({ id, code: 'ENOSYS', message: op });
  operation(...(args as never[])).then(
    (value) => answer({ id, value }),
    (error: NodeJS.ErrnoException) => answer({ id, code: error.code ?? 'EIO', message: error.message }),
  );
  return undefined;
});
