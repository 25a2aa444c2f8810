import type { Call } from '../core/bytes.js';
import type { Attributes } from '../core/entry.js';
import type { Node } from './view.js';

export interface OpenOptions extends Call {
  readonly read?: boolean | undefined;
  readonly write?: boolean | undefined;
  /** Make the file when it is missing. */
  readonly create?: boolean | undefined;
  /** With `create`: EEXIST when it is there. */
  readonly exclusive?: boolean | undefined;
  /** Begin empty. */
  readonly truncate?: boolean | undefined;
  /** Permission bits for a new file. */
  readonly mode?: number | undefined;
  readonly tokens?: ReadonlySet<string> | undefined;
  readonly origin?: object | undefined;
  /**
   * `shared`: as POSIX has it, all shared handles on one file see each other's bytes at once, and a handle survives
   * unlink and rename (the drive). `private`: what is written is this handle's own until it commits, and is thrown
   * away when it is aborted (SFTP uploads).
   */
  readonly sharing: 'shared' | 'private';
}

/**
 * An open file. Nothing that is written is visible under the file's name before `commit`: readers through other
 * front ends see the old content whole or the new one whole.
 *
 * Several reads and writes may be under way at once. Data passed to `write` may be reused once it resolves.
 */
export interface Handle {
  /** Attributes as this handle sees them: size and mtime include what is not committed. */
  stat(): Promise<Node>;
  /** @returns how many bytes were read; fewer than `into.length` only at the end of the file, 0 past it */
  read(position: number, into: Uint8Array, call?: Call): Promise<number>;
  /** Writes all of `bytes`; a gap before `position` reads as zeros. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Remembers attributes for the next commit, or sets them at once when nothing is uncommitted. */
  setattr(attributes: Attributes): Promise<Node>;
  /** Puts what was written to the storage and resolves when it is verified there (fsync, close). Nothing to do: resolves
   *  at once. On failure what was written is still in the handle and may be committed again. */
  commit(call?: Call): Promise<Node>;
  /** Gives the handle up. What is not committed is thrown away when no other handle shares it. */
  close(): Promise<void>;
}
