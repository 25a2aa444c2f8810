/** Request codes (include/uapi/linux/fuse.h, enum fuse_opcode). Those that are not here are answered ENOSYS. */
export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  SETATTR: 4,
  READLINK: 5,
  SYMLINK: 6,
  MKNOD: 8,
  MKDIR: 9,
  UNLINK: 10,
  RMDIR: 11,
  RENAME: 12,
  LINK: 13,
  OPEN: 14,
  READ: 15,
  WRITE: 16,
  STATFS: 17,
  RELEASE: 18,
  FSYNC: 20,
  FLUSH: 25,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  FSYNCDIR: 30,
  CREATE: 35,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
  READDIRPLUS: 44,
  RENAME2: 45,
} as const;

/** What both sides can do, by bit number of the 64 flags of INIT (FUSE_ASYNC_READ and following). */
export const Feature = {
  ASYNC_READ: 0,
  ATOMIC_O_TRUNC: 3,
  BIG_WRITES: 5,
  AUTO_INVAL_DATA: 12,
  READDIRPLUS: 13,
  READDIRPLUS_AUTO: 14,
  PARALLEL_DIROPS: 18,
  ABORT_ERROR: 21,
  MAX_PAGES: 22,
  EXPLICIT_INVAL_DATA: 25,
  INIT_EXT: 30,
} as const;

/** Flags of an answer to OPEN, CREATE or OPENDIR. */
export const OpenFlag = {
  /** What the kernel has cached of the file is still right. */
  KEEP_CACHE: 2,
  /** No FLUSH at close: nothing was written. */
  NOFLUSH: 32,
} as const;

/** Which fields of SETATTR count (FATTR_…). */
export const Valid = {
  MODE: 1 << 0,
  UID: 1 << 1,
  GID: 1 << 2,
  SIZE: 1 << 3,
  ATIME: 1 << 4,
  MTIME: 1 << 5,
  FH: 1 << 6,
  ATIME_NOW: 1 << 7,
  MTIME_NOW: 1 << 8,
} as const;

/** What the daemon tells the kernel unasked (enum fuse_notify_code). */
export const Notice = { INVAL_INODE: 2, INVAL_ENTRY: 3 } as const;

/** The node that the mount point is. */
export const ROOT_NODE = 1;
/** File types as `st_mode` has them. */
export const S_IFMT = 0o170000;
export const S_IFDIR = 0o040000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

/** The part of open(2)'s flags that says read, write or both; `node:fs` does not have it. */
export const O_ACCMODE = 3;

/** Size of the largest WRITE payload and READ answer that we ask for. */
export const MAX_WRITE = 1 << 20;
/** Room in a slot before the payload: header, fuse_write_in, and what is to come. */
export const SLOT_HEAD = 4096;
export const HEADER_IN = 40;
export const HEADER_OUT = 16;

export const opcodeName: ReadonlyMap<number, string> = new Map(
  Object.entries(Opcode).map(([name, code]) => [code, name.toLowerCase()]),
);
