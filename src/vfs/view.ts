import type { Principal } from '../auth/principal.js';
import type { Bytes, Call } from '../core/bytes.js';
import type { Attributes, Entry, Space } from '../core/entry.js';
import type { Path } from '../core/path.js';
import type { ChangeListener } from './changes.js';
import type { Handle, OpenOptions } from './handle.js';
import type { Lock, LockRequest } from './locks.js';

/**
 * The namespace as one principal sees it: the home at `/`, the mounts that are for that principal at their places. The
 * only thing that front ends may touch files through; rights, locks and read-only mounts are decided here, once.
 *
 * Paths are of the view. Errors are VfsErrors whose `path` is of the view too. Every method takes a signal.
 */
export interface View {
  readonly principal: Principal;

  /** Where the mount lies that `path` belongs to, `/` for the home: for the log. Asks no storage and never throws. */
  mountOf(path: Path): Path;

  /** Attributes of one node; a symbolic link is not followed. */
  stat(path: Path, call?: ViewCall): Promise<Node>;

  /** Children in pages, each once. Mount points are listed even when their storage is not reachable. */
  list(path: Path, call?: ViewCall): AsyncIterable<readonly Node[]>;

  /** Opens the last committed content; the body is `[start, end)` of it, and `node` is the node that it belongs to. */
  read(path: Path, options?: ReadOptions): Promise<{ readonly node: Node; readonly body: Bytes }>;

  /** Creates or replaces a file; resolves when the content is verified at the storage. */
  write(path: Path, body: Bytes, options?: WriteOptions): Promise<{ readonly node: Node; readonly created: boolean }>;

  mkdir(path: Path, call?: ChangeCall): Promise<Node>;
  /** Removes a file or symbolic link. */
  unlink(path: Path, call?: ChangeCall): Promise<void>;
  /** Removes an empty folder. A mount point is EBUSY. */
  rmdir(path: Path, call?: ChangeCall): Promise<void>;
  /** Removes a file, or a folder with all it holds. Ends with the first error; what was removed stays removed. */
  removeTree(path: Path, call?: ChangeCall): Promise<void>;

  /** POSIX rename inside one mount; EXDEV between two. Open handles follow. */
  rename(from: Path, to: Path, options?: RenameCall): Promise<void>;
  /** As rename; between mounts it copies, verifies, and then deletes what it copied. When the copy fails it is removed;
   *  what was changed at `from` meanwhile stays there, EBUSY, and all that was copied is at `to`. */
  move(from: Path, to: Path, options?: RenameCall): Promise<void>;
  /** Copies a file, or a folder with all it holds (`deep`, default true), inside the storage where that is offered. */
  copy(from: Path, to: Path, options?: CopyCall): Promise<Node>;

  setattr(path: Path, attributes: Attributes, call?: ChangeCall): Promise<Node>;
  symlink(path: Path, target: string, call?: ChangeCall): Promise<Node>;
  readlink(path: Path, call?: Call): Promise<string>;
  link(existing: Path, path: Path, call?: ChangeCall): Promise<Node>;
  statfs(path: Path, call?: Call): Promise<Space>;

  /** A file for reads and writes at any position, as drive and SFTP need it. */
  open(path: Path, options: OpenOptions): Promise<Handle>;

  /** WebDAV locks (RFC 4918 §6); held against every front end. */
  lock(path: Path, request: LockRequest, call?: ChangeCall): Promise<Lock>;
  refreshLock(path: Path, token: string, seconds: number): Promise<Lock>;
  unlock(path: Path, token: string): Promise<void>;
  /** Locks that cover `path`; `below` adds those on anything under it. */
  locksOn(path: Path, below?: boolean): readonly Lock[];

  /** Dead properties (RFC 4918 §4): key is `namespace name` with one space, value is serialised XML. */
  properties(path: Path): Promise<ReadonlyMap<string, string>>;
  /** The same for the children of a folder that have any, by name. */
  propertiesBelow(path: Path): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  setProperties(
    path: Path,
    set: ReadonlyMap<string, string>,
    remove: ReadonlySet<string>,
    call?: ChangeCall,
  ): Promise<void>;

  /** Calls `listener` after each change made through any front end of this node that this view can see. A promise that
   *  it returns is waited for, for a while, before the change is acknowledged.
   *  @returns a function that ends it */
  onChange(listener: ChangeListener<ViewChange>): () => void;
}

/** An entry as a view shows it. */
export interface Node extends Entry {
  /** Whether this principal may change it: false below a read-only mount. */
  readonly writable: boolean;
  /** Whether a storage is mounted exactly here. */
  readonly mountPoint: boolean;
  /** Number of the mount it lies in, stable while the daemon runs: rename and link work within one only. */
  readonly device: number;
}

export interface ViewCall extends Call {
  /** Show files that are open for writing as they are now, uncommitted names included: what POSIX demands of the
   *  drive. Absent: the last committed content. */
  readonly live?: boolean | undefined;
}

export interface ChangeCall extends Call {
  /** Lock tokens that the client submitted (RFC 4918 §6.5). */
  readonly tokens?: ReadonlySet<string> | undefined;
  /** Who makes the change, passed on to `onChange` so that a front end knows its own. */
  readonly origin?: object | undefined;
}

export interface ReadOptions extends Call {
  readonly start?: number | undefined;
  readonly end?: number | undefined;
  readonly ifMatch?: string | undefined;
}

export interface WriteOptions extends ChangeCall {
  readonly size?: number | undefined;
  readonly mtime?: number | undefined;
  readonly mode?: number | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: '*' | undefined;
}

export interface RenameCall extends ChangeCall {
  readonly noReplace?: boolean | undefined;
}

export interface CopyCall extends ChangeCall {
  readonly noReplace?: boolean | undefined;
  readonly deep?: boolean | undefined;
}

/** What changed. `entry`: the name came, went or means another node now. `content`: bytes or attributes of the node.
 *  `tree`: anything below. */
export interface ViewChange {
  readonly path: Path;
  readonly kind: 'entry' | 'content' | 'tree';
  readonly origin: object | undefined;
}
