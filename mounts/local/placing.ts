import { type BigIntStats, constants } from 'node:fs';
import { refuseFired } from '../../src/core/cancel.js';
import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import { nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import type { PutOptions } from '../driver.js';
import { etagOf, kindOf, stamp, toEntry } from './attributes.js';
import { copyContent, copyRange } from './copying.js';
import { isErrno } from './errors.js';
import type { Folder, Folders } from './folders.js';
import type { Readers } from './readers.js';
import {
  close,
  fchmod,
  fchown,
  fstat,
  fsync,
  ftruncate,
  futimes,
  link,
  lstat,
  open,
  rename,
  unlink,
} from './system.js';
import { Temporary } from './temporary.js';
import type { Turns } from './turns.js';

const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
const NEW_FILE_MODE = 0o644;
const isRoot = process.geteuid?.() === 0;

export type PlaceOptions = Pick<PutOptions, 'mtime' | 'mode' | 'ifMatch' | 'ifNoneMatch' | 'signal'>;

/**
 * Gives finished contents their names. All of one path go one after the other, so that within this process a condition
 * and the change that rests on it are one step; against other programs `ifNoneMatch` is exact (link(2) creates or
 * fails) and `ifMatch` is looked at just before the rename.
 */
export class Placing {
  readonly #folders: Folders;
  readonly #turns: Turns;
  readonly #readers: Readers;

  constructor(folders: Folders, turns: Turns, readers: Readers) {
    this.#folders = folders;
    this.#turns = turns;
    this.#readers = readers;
  }

  /** An empty temporary file beside `path`, where one may be put under these conditions. */
  async begin(op: string, path: Path, folder: Folder, options: PlaceOptions): Promise<Temporary> {
    const there = await this.#look(op, path, folder, options);
    return Temporary.create(folder, modeFor(there, options.mode), there);
  }

  /** What is at `path` in `folder`, when a file may be put there under these conditions. */
  async #look(op: string, path: Path, folder: Folder, options: PlaceOptions): Promise<BigIntStats | undefined> {
    if (path === ROOT) throw new VfsError('EISDIR', op, path);
    const there = await lstat(folder.child(nameOf(path))).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    const kind = there && kindOf(there);
    if (kind === 'directory') throw new VfsError('EISDIR', op, path);
    const { ifMatch, ifNoneMatch } = options;
    const holds =
      (ifNoneMatch === undefined || there === undefined) &&
      (ifMatch === undefined || (there !== undefined && kind === 'file' && etagOf(there) === ifMatch));
    if (!holds) throw new VfsError('EPRECONDITION', op, path);
    if (kind === 'symlink') throw new VfsError('ELOOP', op, path);
    if (there !== undefined && kind === undefined)
      throw new VfsError('EPERM', op, path, { detail: 'not a plain file' });
    return there;
  }

  /**
   * Makes `temporary` the content of `path`: durable first, then visible at once. Its folder is looked up again, so
   * a folder that was moved away meanwhile is not written to. When it fails the temporary file is as it was.
   */
  async place(op: string, temporary: Temporary, path: Path, options: PlaceOptions): Promise<Entry> {
    return this.#folders.within(op, parentOf(path), async (folder) => {
      // Looking now spares the flush of a content that may not have the name anyway.
      const conditional = options.ifMatch !== undefined || options.ifNoneMatch !== undefined;
      const before = conditional ? await this.#look(op, path, folder, options) : temporary.instead;
      await this.#dress(temporary, before, options);
      await temporary.sync();
      return this.#turns.take(path, async () => {
        refuseFired(options, op, path);
        const there = await this.#look(op, path, folder, options);
        if (there !== undefined && there.nlink > 1n) {
          // Its turn is the file's as well as the name's: another put may come by another name.
          return this.#readers.rewrite(there, async () => {
            const still = await this.#look(op, path, folder, options);
            if (still?.ino !== there.ino) throw new VfsError('ESTALE', op, path);
            return this.#writeOver(op, temporary, path, folder, still);
          });
        }
        if (there !== undefined && differs(there, before)) {
          await this.#dress(temporary, there, options);
          await temporary.sync();
        }
        return this.#name(temporary, path, folder, options);
      });
    });
  }

  /** Owner, permission bits and time. A replaced file hands its own on, as if it had been written in place: without
   *  the bits that write(2) takes away (setuid, setgid). */
  async #dress(temporary: Temporary, there: BigIntStats | undefined, options: PlaceOptions): Promise<void> {
    if (isRoot && there !== undefined) await fchown(temporary.fd, Number(there.uid), Number(there.gid));
    const mode = modeFor(there, options.mode);
    if (temporary.mode !== mode) await fchmod(temporary.fd, mode);
    temporary.mode = mode;
    const now = stamp();
    await futimes(temporary.fd, now, options.mtime ?? now);
  }

  async #name(temporary: Temporary, path: Path, folder: Folder, options: PlaceOptions): Promise<Entry> {
    const name = nameOf(path);
    const target = folder.child(name);
    let source = temporary;
    try {
      await this.#move(source.path, target, path, options);
    } catch (error) {
      // Its folder was removed, or lies on another file system than this one.
      if (!isErrno(error, 'ENOENT', 'EXDEV')) throw error;
      source = await this.#again(temporary, folder);
      try {
        await this.#move(source.path, target, path, options);
      } catch (second) {
        await source.discard();
        throw second;
      }
    }
    source.placed();
    await folder.sync();
    const entry = toEntry(name, 'file', await fstat(source.fd));
    if (source !== temporary) await source.discard();
    return entry;
  }

  async #move(source: string, target: string, path: Path, options: PlaceOptions): Promise<void> {
    if (options.ifNoneMatch === undefined) return rename(source, target);
    try {
      await link(source, target);
    } catch (error) {
      if (isErrno(error, 'EEXIST')) throw new VfsError('EPRECONDITION', 'put', path, { cause: error });
      // A file system without hard links: looked at a moment ago is the best there is.
      if (isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) return rename(source, target);
      throw error;
    }
    await unlink(source).catch(() => {});
  }

  /** A temporary file in `folder` with the same content and attributes. */
  async #again(temporary: Temporary, folder: Folder): Promise<Temporary> {
    const copy = await Temporary.create(folder, 0o600, undefined);
    try {
      await copyContent(temporary.fd, copy.fd, () => {});
      const { uid, gid, atimeNs, mtimeNs } = await fstat(temporary.fd);
      if (isRoot) await fchown(copy.fd, Number(uid), Number(gid));
      await fchmod(copy.fd, temporary.mode);
      await futimes(copy.fd, Number(atimeNs) / 1e6, Number(mtimeNs) / 1e6);
      await copy.sync();
      return copy;
    } catch (error) {
      await copy.discard();
      throw error;
    }
  }

  /**
   * A file with several names is written in place, as POSIX has it, so that all of them show the new content. The
   * whole content is durable in the temporary file before. What lies past the old end goes first: that is what needs
   * room, and when there is none the file is cut back and the old content stays. While the old bytes are written over
   * there is a window in which other programs may see a mix, and in which a crash leaves one (with the new content
   * whole in the temporary file).
   */
  async #writeOver(op: string, temporary: Temporary, path: Path, folder: Folder, there: BigIntStats): Promise<Entry> {
    const fd = await open(folder.child(nameOf(path)), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    try {
      const target = await fstat(fd);
      if (target.ino !== there.ino || target.dev !== there.dev) throw new VfsError('ESTALE', op, path);
      const { size, mtimeNs, atimeNs } = await fstat(temporary.fd);
      const [oldSize, newSize] = [Number(target.size), Number(size)];
      try {
        if (newSize > oldSize) {
          await copyRange(temporary.fd, fd, oldSize, newSize, () => {});
          await fsync(fd);
        }
      } catch (error) {
        await ftruncate(fd, oldSize).catch(() => {});
        throw error;
      }
      this.#readers.outdate(target);
      await copyRange(temporary.fd, fd, 0, Math.min(oldSize, newSize), () => {});
      if (newSize < oldSize) await ftruncate(fd, newSize);
      await futimes(fd, Number(atimeNs) / 1e6, Number(mtimeNs) / 1e6);
      await fsync(fd);
      return toEntry(nameOf(path), 'file', await fstat(fd));
    } finally {
      await close(fd);
    }
  }
}

function modeFor(there: BigIntStats | undefined, wanted: number | undefined): number {
  return there === undefined ? (wanted ?? NEW_FILE_MODE) & 0o7777 : Number(there.mode) & 0o1777;
}

function differs(one: BigIntStats, other: BigIntStats | undefined): boolean {
  return other === undefined || one.mode !== other.mode || one.uid !== other.uid || one.gid !== other.gid;
}
