import type { ExecutionContext } from 'ava';
import type { ErrorCode } from '../../../src/core/errors.js';

export interface OpenMode {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  /** Every write goes to the end of the file, whatever position it names. */
  readonly append?: boolean;
  /** Permission bits for a new file. */
  readonly mode?: number;
}

export interface ClientStat {
  readonly kind: 'file' | 'directory' | 'symlink';
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  readonly mode?: number;
  readonly links?: number;
  /** Inode number, where the client has such a thing. */
  readonly node?: number;
}

/** A file that the client holds open. */
export interface ClientFile {
  /** Up to `length` bytes; fewer at the end of the file only. */
  read(position: number, length: number): Promise<Buffer>;
  write(position: number, bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  stat(): Promise<ClientStat>;
  /** Resolves when what was written is at the storage. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Something that works on files through handles: a View, a program on the kernel mount, an SFTP client. Paths begin with
 * `/` and are of the client's own empty folder; nothing follows symbolic links at the last name except `open`.
 *
 * Failures are errors whose `code` is the POSIX name.
 */
export interface FileClient {
  open(path: string, mode: OpenMode): Promise<ClientFile>;
  stat(path: string): Promise<ClientStat>;
  /** Names, without `.` and `..`, in any order. */
  list(path: string): Promise<string[]>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Replaces what is at `to`, as rename(2). */
  rename(from: string, to: string): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  setTimes(path: string, mtime: number): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  symlink(path: string, target: string): Promise<void>;
  readlink(path: string): Promise<string>;
  link(existing: string, path: string): Promise<void>;
  /** Bytes that the storage has and that are free. */
  statfs(path: string): Promise<{ readonly total: number; readonly free: number }>;
}

/** What a client, or the storage beneath it, may or may not have. */
export type Feature =
  | 'shared' // handles on one file see each other's bytes at once, and survive unlink and rename
  | 'append' // OpenMode.append
  | 'permissions' // chmod, and the mode of new files
  | 'times' // setTimes
  | 'symlinks'
  | 'hardLinks'
  | 'nodes' // ClientStat.node
  | 'space'; // statfs

export interface MadeClient {
  readonly client: FileClient;
  cleanup(): Promise<void>;
}

/** Gives a client on an empty folder of its own. */
export type MakeClient = (t: ExecutionContext) => Promise<MadeClient>;

export interface FilesException {
  readonly case: string;
  readonly reason: string;
}

export interface FilesOptions {
  /** Stands before each title, where one file runs the suite more than once. */
  readonly prefix?: string;
  /** All that the client offers; cases that need more are left out. */
  readonly features: readonly Feature[];
  /** Cases that this client cannot pass. An exception fails when its case begins to pass. */
  readonly exceptions?: readonly FilesException[];
  /** Whether an error is the expected one; default: its `code` is. For protocols with fewer words than POSIX. */
  readonly same?: (error: unknown, expected: ErrorCode) => boolean;
  /** Milliseconds by which times may differ; default 0.001. */
  readonly timeStep?: number;
  readonly timeout?: number;
}

/** What a case is given. */
export interface FilesContext {
  readonly t: ExecutionContext;
  readonly client: FileClient;
  readonly timeStep: number;
  /** Writes a whole file. */
  put(path: string, content: string | Uint8Array): Promise<void>;
  /** Reads a whole file, in pieces. */
  get(path: string): Promise<Buffer>;
  /** Asserts that `act` fails with one of the codes. */
  fails(act: Promise<unknown>, ...codes: readonly [ErrorCode, ...ErrorCode[]]): Promise<void>;
}

export interface FilesCase {
  readonly name: string;
  readonly needs?: readonly Feature[];
  run(context: FilesContext): Promise<void>;
}

/** Numbers in [0, 1) that the same seed gives again (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Pseudo-random bytes that the same seed gives again. */
export function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i + 4 <= length; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeUInt32LE(state >>> 0, i);
  }
  for (let i = length - (length % 4); i < length; i++) bytes[i] = (state + i) & 255;
  return bytes;
}
