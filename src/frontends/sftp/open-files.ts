import { isVfsError, VfsError } from '../../core/errors.js';
import { isWithin, nameOf, type Path, parentOf } from '../../core/path.js';
import type { Handle } from '../../vfs/handle.js';
import type { Node, View } from '../../vfs/view.js';
import { Open } from './codec.js';
import { Lane, WHOLE_WRITE } from './lane.js';
import { throughLinks } from './links.js';
import { Listing } from './listing.js';
import type { SftpMetrics } from './metrics.js';

/** Handles one session may hold; told to clients by `limits@openssh.com`. */
export const HANDLES_MAX = 1024;

/** A file that this session has open, by one or several handles. */
export interface OpenFile {
  path: Path;
  handle: Handle;
  readonly lane: Lane;
  readonly readable: boolean;
  /** Whether it was opened for writing. */
  readonly writing: boolean;
  /** Client handles that lead here. */
  refs: number;
  /** Nothing was written, read or set through it yet. */
  fresh: boolean;
  /** Removed or replaced by this session while open: what is written has no name to appear under. */
  nameless: boolean;
  /** The first write that failed. What follows it is incomplete, so CLOSE must not make it visible. */
  broken: unknown;
  /** Bytes written through it, for the log. */
  written: number;
}

export interface FileRef {
  readonly kind: 'file';
  readonly file: OpenFile;
  readonly read: boolean;
  readonly write: boolean;
  /** The server chooses the place of every write: the end (§6.3). */
  readonly append: boolean;
}

export interface FolderRef {
  readonly kind: 'folder';
  readonly lane: Lane;
  readonly listing: Listing;
}

/**
 * The handles of one session.
 *
 * A file opened for writing is private until CLOSE, yet the session itself sees it: a second OPEN of its path leads to
 * the same file, and attributes are those of the unfinished content. sshfs depends on it (it opens, looks at and renames a
 * file right behind a CLOSE that is not answered yet), scp and rclone look at what they have open.
 */
export class OpenFiles {
  readonly #view: View;
  readonly #origin: object;
  readonly #refs = new Map<number, FileRef | FolderRef>();
  readonly #writing = new Map<Path, OpenFile>();
  readonly #metrics: SftpMetrics;
  #last = 0;

  constructor(view: View, origin: object, metrics: SftpMetrics) {
    this.#view = view;
    this.#origin = origin;
    this.#metrics = metrics;
  }

  get count(): number {
    return this.#refs.size;
  }

  /** @throws VfsError EBADF for a number that is not open */
  get(id: number): FileRef | FolderRef {
    const ref = this.#refs.get(id);
    if (ref === undefined) throw new VfsError('EBADF', 'handle', '');
    return ref;
  }

  file(id: number): FileRef {
    const ref = this.get(id);
    if (ref.kind !== 'file') throw new VfsError('EBADF', 'handle', '', { detail: 'a folder' });
    return ref;
  }

  /** The file this session is writing under `path`. */
  own(path: Path): OpenFile | undefined {
    return this.#writing.get(path);
  }

  /** Attributes as this session sees them: its own unfinished content first. */
  async stat(path: Path, call: { readonly signal: AbortSignal }): Promise<Node> {
    return (await this.own(path)?.handle.stat()) ?? (await this.#view.stat(path, call));
  }

  async open(path: Path, pflags: number, mode: number): Promise<number> {
    this.#room(path);
    const write = (pflags & (Open.WRITE | Open.APPEND)) !== 0;
    const read = (pflags & Open.READ) !== 0 || !write;
    const truncate = write && (pflags & Open.TRUNC) !== 0;
    const create = write && (pflags & Open.CREAT) !== 0;
    const exclusive = create && (pflags & Open.EXCL) !== 0;
    const own = this.own(path);
    let file: OpenFile;
    if (own !== undefined) {
      if (exclusive) throw new VfsError('EEXIST', 'open', path);
      if (read && !own.readable) throw new VfsError('EACCES', 'open', path);
      if (truncate) await own.handle.truncate(0);
      file = own;
    } else {
      file = await throughLinks(this.#view, path, true, async (at) => {
        const there = at === path ? undefined : this.own(at);
        if (there !== undefined && !exclusive) {
          if (truncate) await there.handle.truncate(0);
          return there;
        }
        const options = { write, create, exclusive, truncate, mode, origin: this.#origin, sharing: 'private' } as const;
        // A writer may read as well, for the session's later OPENs of this path; without the right to read it may not.
        const opened = await this.#view.open(at, { ...options, read: true }).then(
          (handle) => ({ handle, readable: true }),
          async (error: unknown) => {
            if (read || !isVfsError(error, 'EACCES')) throw error;
            return { handle: await this.#view.open(at, { ...options, read: false }), readable: false };
          },
        );
        // Opens the content now: a reader goes on with it when its name comes to mean something else.
        if (opened.readable) await opened.handle.read(0, Buffer.alloc(0));
        const made: OpenFile = {
          path: at,
          ...opened,
          writing: write,
          lane: new Lane(),
          refs: 0,
          fresh: true,
          nameless: false,
          broken: undefined,
          written: 0,
        };
        if (write) this.#writing.set(at, made);
        return made;
      });
    }
    file.refs += 1;
    return this.#add({ kind: 'file', file, read, write, append: (pflags & Open.APPEND) !== 0 });
  }

  async openFolder(path: Path, call: { readonly signal: AbortSignal }): Promise<number> {
    this.#room(path);
    const listing = await throughLinks(
      this.#view,
      path,
      true,
      async (at) => {
        const made = new Listing(at, this.#ownShown(at, call), () => this.#ownNew(at, call));
        await made.open();
        return made;
      },
      call,
    );
    return this.#add({ kind: 'folder', lane: new Lane(), listing });
  }

  /** Takes a handle out of the table; nothing finds it from then on. What it led to is closed by `release`. */
  remove(id: number): void {
    if (this.#refs.delete(id)) this.#metrics.handles(-1);
  }

  /**
   * Ends a handle. A written file is put to the storage, and the promise resolves when it is verified there.
   * @param commit  false where the client is gone: then nothing of it appears
   */
  async release(ref: FileRef | FolderRef, commit: boolean): Promise<void> {
    if (ref.kind === 'folder') {
      await ref.listing.close();
      return;
    }
    const { file } = ref;
    try {
      if (commit && ref.write && !file.nameless) {
        if (file.broken !== undefined) throw file.broken;
        await file.handle.commit();
      }
    } finally {
      file.refs -= 1;
      if (file.refs === 0) {
        if (this.#writing.get(file.path) === file) this.#writing.delete(file.path);
        await file.handle.close();
      }
    }
  }

  /** CLOSE of a written file: after all that was sent before it. */
  finish(ref: FileRef): Promise<void> {
    return alone(ref.file, () => this.release(ref, true));
  }

  /** Every handle, for the end of the session; the table is empty afterwards. */
  drain(): (FileRef | FolderRef)[] {
    const all = [...this.#refs.values()];
    this.#refs.clear();
    this.#metrics.handles(-all.length);
    return all;
  }

  /** Puts what is unfinished at or under `path` to the storage, so that it can be renamed there. */
  async settle(path: Path): Promise<void> {
    for (const file of this.#under(path)) await this.sync(file);
  }

  /** Puts a file to the storage while it stays open (fsync). */
  async sync(file: OpenFile): Promise<void> {
    if (file.broken !== undefined) throw file.broken;
    if (!file.nameless) await alone(file, () => file.handle.commit());
  }

  /** Makes the content of files open on `path` independent of the storage, which is about to forget it. */
  async keep(path: Path): Promise<void> {
    const file = this.own(path);
    // Writing nothing begins a new content from the old one, as the first real write would.
    if (file !== undefined) await alone(file, () => file.handle.write(0, Buffer.alloc(0)));
  }

  /** `path` has no name in this session any more. */
  forget(path: Path): void {
    for (const file of this.#under(path)) {
      file.nameless = true;
      this.#writing.delete(file.path);
    }
  }

  /** Names moved from `from` to `to`: open files follow. */
  async follow(from: Path, to: Path): Promise<void> {
    for (const file of this.#under(from)) {
      this.#writing.delete(file.path);
      file.path = (to + file.path.slice(from.length)) as Path;
      this.#writing.set(file.path, file);
      await alone(file, () => this.reopen(file));
    }
  }

  /** Gives a committed file a handle that stands on what its path holds now. */
  async reopen(file: OpenFile): Promise<void> {
    const old = file.handle;
    const { readable: read } = file;
    file.handle = await this.#view.open(file.path, { read, write: true, origin: this.#origin, sharing: 'private' });
    await old.close();
  }

  #under(path: Path): OpenFile[] {
    return [...this.#writing.values()].filter((file) => isWithin(file.path, path));
  }

  async *#ownShown(folder: Path, call: { readonly signal: AbortSignal }): AsyncGenerator<readonly Node[]> {
    for await (const page of this.#view.list(folder, call)) {
      const own = this.#ownNames(folder);
      if (own.size === 0) yield page;
      else yield await Promise.all(page.map(async (node) => (await own.get(node.name)?.handle.stat()) ?? node));
    }
  }

  /** Files that this session is making in `folder` and that the storage does not show yet. */
  async #ownNew(folder: Path, call: { readonly signal: AbortSignal }): Promise<readonly Node[]> {
    const nodes: Node[] = [];
    for (const file of this.#ownNames(folder).values()) {
      const there = await this.#view.stat(file.path, call).then(
        () => true,
        () => false,
      );
      if (!there) nodes.push(await file.handle.stat());
    }
    return nodes;
  }

  #ownNames(folder: Path): Map<string, OpenFile> {
    const names = new Map<string, OpenFile>();
    for (const file of this.#writing.values()) {
      if (file.path !== folder && parentOf(file.path) === folder) names.set(nameOf(file.path), file);
    }
    return names;
  }

  #room(path: Path): void {
    if (this.#refs.size >= HANDLES_MAX) throw new VfsError('EMFILE', 'open', path);
  }

  #add(ref: FileRef | FolderRef): number {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#refs.has(this.#last));
    this.#refs.set(this.#last, ref);
    this.#metrics.handles(1);
    return this.#last;
  }
}

/** Does `work` on a file when nothing else runs on it. */
export function alone<T>(file: OpenFile, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    file.lane.run(WHOLE_WRITE, work, (outcome) => {
      if ('error' in outcome) reject(outcome.error);
      else resolve(outcome.value);
    });
  });
}
