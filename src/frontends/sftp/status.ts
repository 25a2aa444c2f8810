import { type ErrorCode, VfsError } from '../../core/errors.js';

/** SSH_FX codes of version 3 (draft-ietf-secsh-filexfer-02 §7). 6 and 7 are for clients only. */
export const Fx = {
  OK: 0,
  EOF: 1,
  NO_SUCH_FILE: 2,
  PERMISSION_DENIED: 3,
  FAILURE: 4,
  BAD_MESSAGE: 5,
  OP_UNSUPPORTED: 8,
} as const;

/**
 * What clients see of each error: a code, which programs act on, and a sentence, which people read. The codes are
 * OpenSSH's choice where it has one (sftp-server.c, errno_to_portable), for that is what clients are tried with.
 */
const STATUS: Readonly<Record<ErrorCode, readonly [code: number, message: string]>> = {
  ENOENT: [Fx.NO_SUCH_FILE, 'No such file or directory'],
  ENOTDIR: [Fx.NO_SUCH_FILE, 'Not a directory'],
  ELOOP: [Fx.NO_SUCH_FILE, 'Too many levels of symbolic links'],
  EACCES: [Fx.PERMISSION_DENIED, 'Permission denied'],
  EPERM: [Fx.PERMISSION_DENIED, 'Operation not permitted'],
  EROFS: [Fx.PERMISSION_DENIED, 'Read-only file system'],
  ELOCKED: [Fx.PERMISSION_DENIED, 'Locked by somebody else'],
  EEXIST: [Fx.FAILURE, 'File exists'],
  EISDIR: [Fx.FAILURE, 'Is a directory'],
  ENOTEMPTY: [Fx.FAILURE, 'Directory not empty'],
  EXDEV: [Fx.FAILURE, 'Source and target are on different storages'],
  ENOSPC: [Fx.FAILURE, 'No space left at the storage'],
  EDQUOT: [Fx.FAILURE, 'Quota exceeded'],
  EFBIG: [Fx.FAILURE, 'File too large'],
  EBUSY: [Fx.FAILURE, 'Resource busy'],
  EPRECONDITION: [Fx.FAILURE, 'Changed by somebody else'],
  ERANGE: [Fx.FAILURE, 'Outside the file'],
  EBADF: [Fx.FAILURE, 'Bad handle'],
  EAGAIN: [Fx.FAILURE, 'Try again later'],
  EMFILE: [Fx.FAILURE, 'Too many open files'],
  ESTALE: [Fx.FAILURE, 'The file was replaced while it was open'],
  EAUTH: [Fx.FAILURE, 'The storage refused our credentials'],
  EUNAVAILABLE: [Fx.FAILURE, 'The storage is not available'],
  ETIMEDOUT: [Fx.FAILURE, 'The storage did not answer in time'],
  ECANCELED: [Fx.FAILURE, 'Canceled'],
  EIO: [Fx.FAILURE, 'Input/output error'],
  EINVAL: [Fx.BAD_MESSAGE, 'Invalid argument'],
  ENAMETOOLONG: [Fx.BAD_MESSAGE, 'File name too long'],
  ENOTSUP: [Fx.OP_UNSUPPORTED, 'Operation not supported'],
};

/**
 * Code and message for an error. A VfsError's `detail` is free of secrets and is added; its cause never shows, and
 * neither does anything of an error that is no VfsError.
 */
export function statusOf(error: unknown): readonly [code: number, message: string] {
  if (!(error instanceof VfsError)) return STATUS.EIO;
  const [code, message] = STATUS[error.code];
  return [code, error.detail === undefined ? message : `${message}: ${error.detail}`];
}
