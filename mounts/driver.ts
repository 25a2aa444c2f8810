import type { GenericSchema } from 'valibot';
import type { Bytes, Call } from '../src/core/bytes.js';
import type { Attributes, Entry, Space } from '../src/core/entry.js';
import type { Logger } from '../src/core/log.js';
import type { Path } from '../src/core/path.js';
import type { Secret } from '../src/core/secret.js';

/*
 * The driver contract.
 *
 * A driver speaks to one storage, below one root, as one account. Paths are canonical and relative to that root: `/` is
 * the root, which always exists and is a folder. A driver never sees users, grants, locks or front ends.
 *
 * What every driver promises, and `test/conformance/driver.ts` proves against the real server:
 *
 * 1. Presence of a method is the capability. An optional method that is there works; what cannot be done is refused
 *    with ENOTSUP, never skipped in silence.
 * 2. Old or new, never a mix. A file that is being written becomes visible under its name only when whole. A body that
 *    throws, a fired signal, a wrong `size`, a lost connection: the old content stays and nothing else is visible.
 *    Temporary names begin with TEMPORARY_PREFIX; listings leave them out and every call on one is refused with ENOENT.
 * 3. `put` resolves when the content is verified at the storage: the size at least, a hash or etag where the storage
 *    gives one. The entry it returns is what `stat` then says.
 * 4. Unavailable is never empty. A storage that does not answer rejects (EUNAVAILABLE, ETIMEDOUT); it never lists as
 *    empty and never answers ENOENT for want of an answer.
 * 5. A missing parent is ENOENT, also for `put` and `mkdir`; a file in the place of a parent is ENOTDIR. Nothing makes
 *    parents on its own. Storages without folders (objects) keep up the appearance.
 * 6. What a storage lists is untrusted (lesson 21): a name that `parseName` refuses is left out and logged.
 * 7. Errors are VfsErrors with a `path` in the driver's own space; foreign errors are translated in one function.
 * 8. A fired signal ends a call soon with ECANCELED and releases its connection.
 * 9. Many calls may run at once; the driver bounds its own connections.
 *
 * What a driver does not do, because a layer does it once for all: deadlines, retries, concurrency limits, the circuit
 * breaker, metrics (see layers/). A driver may reconnect on its own before it has sent anything.
 */

/** Names of files in the making. Nobody else may use names that begin so: they are invisible and refused. */
export const TEMPORARY_PREFIX = '.isthmus-tmp-';

/** What no signature can tell. */
export interface Traits {
  /** The driver's name in the configuration: `local`, `s3`, … */
  readonly kind: string;
  /** Step of modification times, in ms; undefined where a given mtime is not kept at all. */
  readonly mtimeStep?: number | undefined;
  /** Whether `ifMatch` and `ifNoneMatch` on put are decided by the storage itself (no race), or looked at just before. */
  readonly atomicConditions: boolean;
  /** Whether rename replaces its target at once and whole; without it a reader may meet both names for a while. */
  readonly atomicRename: boolean;
  /** Whether `A` and `a` are two files. */
  readonly caseSensitive: boolean;
  /** Whether entries carry mode, uid and gid that mean something. */
  readonly permissions: boolean;
  /** Whether what `get` resolves to carries the `entry` of exactly that content, so that nobody need ask before. */
  readonly entryWithContent?: boolean | undefined;
  /** Whether `rename` and `setattr` copy content inside the storage, and may take as long as `copy`. */
  readonly renamesByCopy?: boolean | undefined;
  /** Largest file in bytes, where there is a limit. */
  readonly maxFileSize?: number | undefined;
  /** Longest name in bytes, where it is less than NAME_MAX. */
  readonly maxNameBytes?: number | undefined;
}

/** A body that may tell what it belongs to: see Traits.entryWithContent. */
export interface Content extends Bytes {
  readonly entry?: Entry | undefined;
}

export interface GetOptions extends Call {
  /** First byte; 0 when absent. Past the end of the file: ERANGE; at the end exactly: an empty body. */
  readonly start?: number | undefined;
  /** One past the last byte; cut to the size of the file. */
  readonly end?: number | undefined;
  /** The etag the content must have; else EPRECONDITION. */
  readonly ifMatch?: string | undefined;
}

export interface PutOptions extends Call {
  /** Bytes the body will have; a body of another length fails with EINVAL and changes nothing. */
  readonly size?: number | undefined;
  /** Modification time to keep, in ms, where the storage can. */
  readonly mtime?: number | undefined;
  /** Permission bits for a new file, where the storage has them; an existing file keeps its own. */
  readonly mode?: number | undefined;
  /** Replace only this content; else EPRECONDITION. */
  readonly ifMatch?: string | undefined;
  /** `*`: create only; EPRECONDITION when something is there. */
  readonly ifNoneMatch?: '*' | undefined;
}

export interface RenameOptions extends Call {
  /** Refuse with EEXIST when the target exists. Otherwise a file replaces a file, a folder an empty folder. */
  readonly noReplace?: boolean | undefined;
}

export interface Driver {
  readonly traits: Traits;

  /** A symbolic link is described, not followed. */
  stat(path: Path, call?: Call): Promise<Entry>;

  /** The children of a folder, each once, in pages of any size and any order. Rejects before the first page with
   *  ENOENT or ENOTDIR; a listing that breaks off throws, it never just ends. */
  list(path: Path, call?: Call): AsyncIterable<readonly Entry[]>;

  /** Resolves once the content is open, so that ENOENT and EISDIR come before the first byte. Leaving the loop early
   *  releases the connection. A body shorter than what was promised throws EIO, it never just ends. */
  get(path: Path, options?: GetOptions): Promise<Content>;

  /** Creates or replaces a file. Replacing a folder is EISDIR. */
  put(path: Path, body: Bytes, options?: PutOptions): Promise<Entry>;

  /** EEXIST when anything has that name. */
  mkdir(path: Path, call?: Call): Promise<void>;

  /** Removes a file or symbolic link; EISDIR for a folder, ENOENT when it is not there. */
  unlink(path: Path, call?: Call): Promise<void>;

  /** Removes an empty folder; ENOTEMPTY, ENOTDIR. The root cannot be removed: EBUSY. */
  rmdir(path: Path, call?: Call): Promise<void>;

  /** Gives up connections and descriptors. Calls after it reject with EBADF. */
  close(): Promise<void>;

  /** POSIX rename(2): EISDIR, ENOTDIR, ENOTEMPTY, EINVAL for a folder into itself. Etags may change, content may not. */
  rename?(from: Path, to: Path, options?: RenameOptions): Promise<void>;

  /** Copies one file inside the storage, replacing a file at `to` when whole. */
  copy?(from: Path, to: Path, call?: Call): Promise<Entry>;

  /** Sets attributes; ENOTSUP for one that the storage cannot keep, and then none is changed. */
  setattr?(path: Path, attributes: Attributes, call?: Call): Promise<Entry>;

  /** `target` is kept as given, not checked, and never followed by us. EEXIST when the name is taken. */
  symlink?(path: Path, target: string, call?: Call): Promise<Entry>;
  readlink?(path: Path, call?: Call): Promise<string>;

  /** A second name for a file (hard link). */
  link?(existing: Path, path: Path, call?: Call): Promise<Entry>;

  statfs?(path: Path, call?: Call): Promise<Space>;

  /** Holds a file open for reads at any position. Offered where that is cheaper than `get` for each piece. */
  open?(path: Path, call?: Call): Promise<OpenFile>;

  /**
   * Begins a new content for `path` that is written at any position and becomes visible at `commit`. Offered where
   * the storage can hold an unfinished file beside the target, so that no byte is written twice.
   */
  replace?(path: Path, options?: ReplaceOptions): Promise<Replacement>;

  /** Removes temporary files that a killed daemon left, older than `olderThan` (ms since 1970); returns how many. */
  purge?(olderThan: number, call?: Call): Promise<number>;
}

/** A file held open. What it reads is the content at the time of opening, also after an unlink or a replacement;
 *  where the storage cannot keep that (a reconnect), reads fail with ESTALE rather than show another content. */
export interface OpenFile {
  readonly entry: Entry;
  /** Reads up to `into.length` bytes at `position`; fewer only at the end of the file. Returns how many. */
  read(position: number, into: Uint8Array, call?: Call): Promise<number>;
  close(): Promise<void>;
}

export interface ReplaceOptions extends Call {
  /** Begin with the content that is there now, rather than empty. ENOENT when there is none. */
  readonly keep?: boolean | undefined;
  /** Permission bits for a new file. */
  readonly mode?: number | undefined;
}

/** A new content in the making. Reads and writes may overlap in time; `commit` is called once, with none under way. */
export interface Replacement {
  /** Bytes it has now. */
  readonly size: number;
  read(position: number, into: Uint8Array): Promise<number>;
  /** Writes all of `bytes`; a gap before `position` reads as zeros. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Makes it durable and visible, all at once, under the same conditions as `put`. On failure nothing is visible
   *  and the replacement is still there: it may be committed again, to another path too, or aborted. After success
   *  it may still be read and must be closed with `abort`. */
  commit(options?: Pick<PutOptions, 'mtime' | 'ifMatch' | 'ifNoneMatch' | 'signal'> & { path?: Path }): Promise<Entry>;
  /** Gives it up and frees its room. Safe to call twice and after commit. */
  abort(): Promise<void>;
}

/** How a mount signs in at its storage, already taken from its mechanism. */
export interface Credentials {
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  /** A private key in OpenSSH or PEM form, with its passphrase in `password`. */
  readonly privateKey?: Secret | undefined;
}

/** What a driver is given besides its options. */
export interface DriverContext {
  readonly credentials: Credentials;
  readonly log: Logger;
}

/** A row of the table in index.ts. `options` checks and describes the configuration's `options` of such a mount. */
export interface DriverKind<Options = unknown> {
  readonly name: string;
  readonly options: GenericSchema<unknown, Options>;
  /** Makes a driver without touching the storage: a dead storage must not keep the daemon from starting. */
  create(options: Options, context: DriverContext): Driver;
}
