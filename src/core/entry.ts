/** What kinds of thing a storage holds; anything else (sockets, devices) is left out of listings. */
export type EntryKind = 'file' | 'directory' | 'symlink';

/**
 * What is known of one file or folder. Times are milliseconds since 1970, with a fraction where the storage has one.
 */
export interface Entry {
  /** The last name of the path; empty for the root of a storage. */
  readonly name: string;
  readonly kind: EntryKind;
  /** Bytes of content; 0 for folders; the length of the target for symbolic links. */
  readonly size: number;
  readonly mtime: number;
  /**
   * Changes whenever the content changes; opaque, without quotes. Empty where the storage tells nothing, as for
   * folders on most. It is what `ifMatch` is compared with.
   */
  readonly etag: string;
  /** Stays the same through renames, where the storage has such a thing (inode, file id). */
  readonly id?: string | undefined;
  /** Permission bits, 0 to 0o7777, where the storage has them. */
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly atime?: number | undefined;
  readonly ctime?: number | undefined;
  readonly birthtime?: number | undefined;
  /** Hard links to this file; 1 where unknown. */
  readonly links?: number | undefined;
}

/** Room at a storage, in bytes; `undefined` where it does not say. */
export interface Space {
  readonly total?: number | undefined;
  readonly free?: number | undefined;
}

/** Attributes to set; only those present change. */
export interface Attributes {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Milliseconds since 1970. */
  readonly mtime?: number | undefined;
  readonly atime?: number | undefined;
}
