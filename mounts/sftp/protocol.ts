/* The words of SFTP version 3 (draft-ietf-secsh-filexfer-02) and of OpenSSH's extensions (its file PROTOCOL, §4). */

export const Type = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

export const Status = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  NO_CONNECTION: 6,
  CONNECTION_LOST: 7,
  OP_UNSUPPORTED: 8,
} as const;

export const Open = { READ: 1, WRITE: 2, CREAT: 8, EXCL: 32 } as const;

export type Extension =
  | 'posix-rename@openssh.com'
  | 'statvfs@openssh.com'
  | 'hardlink@openssh.com'
  | 'fsync@openssh.com'
  | 'lsetstat@openssh.com'
  | 'limits@openssh.com'
  | 'copy-data';

/** Attributes as they travel; times in seconds. A field that is absent was not sent. */
export interface Attrs {
  readonly size?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly mode?: number | undefined;
  readonly atime?: number | undefined;
  readonly mtime?: number | undefined;
}

/** Bits of `flags` before attributes (§5). */
export const AttrFlag = { SIZE: 1, UIDGID: 2, PERMISSIONS: 4, ACMODTIME: 8, EXTENDED: 0x80000000 } as const;

/** The longest packet taken: OpenSSH's limit of 256 KiB, and slack. What announces more is not SFTP. */
export const MAX_PACKET = 256 * 1024 + 1024;
