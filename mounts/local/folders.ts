import { readlinkSync } from 'node:fs';
import { VfsError } from '../../src/core/errors.js';
import { nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import { isErrno, localError } from './errors.js';
import { close, fstat, fsync, lstat, mkdir, open, opendir, SYNC_FOLDER, stat, WALK, WALK_ROOT } from './system.js';

/** Descriptors kept for folders that are not in use. */
const KEPT = 256;
/** After so long without a call all are given up, so that a disk can be unmounted. */
const IDLE_MS = 5_000;
/** How long the root is taken to be what its path names. */
const ROOT_FRESH_MS = 1_000;

/**
 * A folder held open. `at` is a path to it that no rename and no symbolic link can bend: the kernel goes from the
 * descriptor, and `${at}/name` with a call that does not follow the last name never leaves it.
 */
export class Folder {
  readonly path: Path;
  readonly fd: number;
  readonly at: string;
  #users = 1;
  #doomed = false;
  #syncFd: number | undefined;
  #nextSync: Promise<void> | undefined;
  #runningSync: Promise<void> = Promise.resolve();

  constructor(path: Path, fd: number) {
    this.path = path;
    this.fd = fd;
    this.at = `/proc/self/fd/${fd}`;
  }

  /** A path for system calls on the child `name`, which must not follow links there. */
  child(name: string): string {
    if (name === '..') throw new VfsError('EINVAL', 'walk', this.path, { detail: 'a path may not go up' });
    return `${this.at}/${name}`;
  }

  get unused(): boolean {
    return this.#users === 0;
  }

  retain(): this {
    this.#users += 1;
    return this;
  }

  release(): void {
    this.#users -= 1;
    if (this.#doomed && this.#users === 0) this.#close();
  }

  /** Closes it as soon as nobody uses it. */
  doom(): void {
    if (this.#doomed) return;
    this.#doomed = true;
    if (this.#users === 0) this.#close();
  }

  /** Where the folder is now, as the kernel has it. procfs never waits for a disk, so this may be synchronous. */
  whereabouts(): string | undefined {
    try {
      return readlinkSync(this.at);
    } catch {
      return undefined;
    }
  }

  /** Makes the names in it durable. Calls that wait share one fsync, which begins after all of them came. */
  sync(): Promise<void> {
    this.#nextSync ??= this.#runningSync.then(() => {
      this.#nextSync = undefined;
      const run = this.#fsync();
      this.#runningSync = run.catch(() => {});
      return run;
    });
    return this.#nextSync;
  }

  async #fsync(): Promise<void> {
    this.#syncFd ??= await open(`${this.at}/.`, SYNC_FOLDER);
    try {
      await fsync(this.#syncFd);
    } catch (error) {
      // Some network file systems have no such thing for folders; there is nothing else to do for durability then.
      if (!isErrno(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    }
  }

  #close(): void {
    void close(this.fd).catch(() => {});
    if (this.#syncFd !== undefined) void close(this.#syncFd).catch(() => {});
  }
}

/**
 * Opens folders below the root, step by step, never through a symbolic link; Node has no openat, so each step goes
 * through `/proc/self/fd`. Folders stay open for the next call. One is used again only while the kernel says that it
 * still lies where its path has it: a folder that was renamed, replaced by a link, deleted or moved out of the root
 * does not pass, and neither does any folder below it.
 */
export class Folders {
  readonly #rootPath: string;
  readonly #create: boolean;
  readonly #held = new Map<Path, Folder>();
  /** What the kernel calls the root: its path with all links resolved. */
  #rootName = '';
  #rootId: { readonly dev: bigint; readonly ino: bigint } | undefined;
  #rootChecked = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(rootPath: string, create: boolean) {
    this.#rootPath = rootPath;
    this.#create = create;
  }

  /** Runs `action` with the folder at `path` open; ENOENT, ENOTDIR, ELOOP, and EUNAVAILABLE when the root is gone. */
  async within<T>(op: string, path: Path, action: (folder: Folder) => Promise<T>): Promise<T> {
    const folder = await this.acquire(op, path);
    try {
      return await action(folder);
    } catch (error) {
      throw this.explain(error, op, path);
    } finally {
      folder.release();
    }
  }

  /** As `within`, for a folder that is held longer; the caller releases it. */
  async acquire(op: string, path: Path): Promise<Folder> {
    this.#idle?.refresh();
    if (performance.now() - this.#rootChecked > ROOT_FRESH_MS) await this.#checkRoot(op, path);
    try {
      return await this.#walk(path);
    } catch (error) {
      if (this.#rootIsThere()) throw localError(error, op, path);
    }
    await this.#checkRoot(op, path);
    return this.#walk(path).catch((error: unknown) => Promise.reject(this.explain(error, op, path)));
  }

  /** What an error means: while the root is away, nothing is known to be missing. */
  explain(error: unknown, op: string, path: Path): VfsError {
    const known = localError(error, op, path);
    if (known.code !== 'ENOENT' && known.code !== 'ENOTDIR') return known;
    if (this.#held.get(ROOT) === undefined || this.#rootIsThere()) return known;
    return new VfsError('EUNAVAILABLE', op, path, { cause: error, detail: 'the folder of this storage is gone' });
  }

  /** Gives up the folder at `path` and all below it. */
  forget(path: Path): void {
    const below = path === ROOT ? '/' : `${path}/`;
    for (const [held, folder] of this.#held) {
      if (held === path || held.startsWith(below)) this.#drop(folder);
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#idle = undefined;
    this.forget(ROOT);
  }

  async #walk(path: Path): Promise<Folder> {
    const held = this.#held.get(path);
    if (held !== undefined) {
      if (held.whereabouts() === this.#expected(path)) {
        this.#held.delete(path);
        this.#held.set(path, held);
        return held.retain();
      }
      this.#drop(held);
    }
    if (path === ROOT) throw Object.assign(new Error('the root is not open'), { code: 'ENOENT' });
    const parent = await this.#walk(parentOf(path));
    try {
      return this.#keep(new Folder(path, await this.#step(parent.child(nameOf(path)))));
    } finally {
      parent.release();
    }
  }

  async #step(path: string): Promise<number> {
    try {
      return await open(path, WALK);
    } catch (error) {
      if (isErrno(error, 'ENOTDIR') && (await lstat(path)).isSymbolicLink()) {
        throw Object.assign(new Error('a symbolic link is not followed', { cause: error }), { code: 'ELOOP' });
      }
      throw error;
    }
  }

  #keep(folder: Folder): Folder {
    const other = this.#held.get(folder.path);
    if (other !== undefined) this.#drop(other);
    this.#held.set(folder.path, folder);
    if (this.#held.size > KEPT) {
      for (const one of this.#held.values()) {
        if (one.path === ROOT || !one.unused) continue;
        this.#drop(one);
        break;
      }
    }
    this.#idle ??= setTimeout(() => {
      this.#idle = undefined;
      this.#rootChecked = Number.NEGATIVE_INFINITY;
      this.forget(ROOT);
    }, IDLE_MS).unref();
    return folder;
  }

  #drop(folder: Folder): void {
    if (this.#held.get(folder.path) === folder) this.#held.delete(folder.path);
    folder.doom();
  }

  #expected(path: Path): string {
    if (path === ROOT) return this.#rootName;
    return this.#rootName === '/' ? path : this.#rootName + path;
  }

  #rootIsThere(): boolean {
    const root = this.#held.get(ROOT);
    return root !== undefined && root.whereabouts() === this.#rootName;
  }

  async #checkRoot(op: string, path: Path): Promise<void> {
    this.#checking ??= this.#openRoot().finally(() => {
      this.#checking = undefined;
    });
    try {
      await this.#checking;
    } catch (cause) {
      const known = localError(cause, op, path);
      if (known.code === 'EACCES' || known.code === 'EMFILE') throw known;
      throw new VfsError('EUNAVAILABLE', op, path, { cause, detail: 'the folder of this storage cannot be opened' });
    }
  }

  async #openRoot(): Promise<void> {
    if (this.#rootIsThere()) {
      const { dev, ino } = await stat(this.#rootPath);
      if (dev === this.#rootId?.dev && ino === this.#rootId.ino) {
        this.#rootChecked = performance.now();
        return;
      }
    }
    this.forget(ROOT);
    if (this.#create && this.#rootId === undefined) await mkdir(this.#rootPath, { recursive: true, mode: 0o700 });
    const root = new Folder(ROOT, await open(this.#rootPath, WALK_ROOT));
    try {
      const { dev, ino } = await fstat(root.fd);
      if (this.#rootId !== undefined && this.#rootId.dev !== dev && (await isEmpty(root))) {
        throw new Error('another, empty file system is mounted there now');
      }
      const name = root.whereabouts();
      if (name === undefined) throw new Error('/proc is not mounted');
      this.#rootId = { dev, ino };
      this.#rootName = name;
      this.#keep(root);
      this.#rootChecked = performance.now();
    } catch (error) {
      root.doom();
      throw error;
    } finally {
      root.release();
    }
  }
}

async function isEmpty(folder: Folder): Promise<boolean> {
  const entries = await opendir(`${folder.at}/.`);
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}
