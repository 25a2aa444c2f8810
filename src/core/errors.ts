import type { Path } from './path.js';

/**
 * Every way in which an operation on a file can fail, in POSIX words where POSIX has one.
 *
 * Each front end owns one table `Record<ErrorCode, …>`, so a code added here does not compile until each of them
 * says what its clients see.
 */
export type ErrorCode =
  | 'ENOENT' // no such file or folder
  | 'EEXIST' // something is there already
  | 'ENOTDIR' // a file stands where a folder was needed
  | 'EISDIR' // a folder stands where a file was needed
  | 'ENOTEMPTY' // the folder has children
  | 'EACCES' // the caller, or our account at the storage, may not
  | 'EPERM' // nobody may: the operation is not allowed on this object
  | 'EROFS' // the mount is read-only
  | 'EINVAL' // the request makes no sense (bad name, bad range, a folder moved into itself)
  | 'ENAMETOOLONG' // a name or path is longer than the storage, or we, take
  | 'ELOOP' // a symbolic link stands where it is not followed
  | 'EXDEV' // source and target lie on different mounts
  | 'ENOSPC' // the storage is full
  | 'EDQUOT' // the quota is used up
  | 'EFBIG' // larger than the storage takes
  | 'EBUSY' // a mount point, or in use at the storage
  | 'ELOCKED' // a lock of somebody else is in the way
  | 'EPRECONDITION' // ifMatch or ifNoneMatch did not hold: somebody else changed it
  | 'ERANGE' // a byte range that the file does not have
  | 'ENOTSUP' // this storage cannot do that
  | 'EBADF' // the handle is closed, or not open for this
  | 'EMFILE' // too many open handles or connections
  | 'ESTALE' // the file behind an open handle was replaced or is gone
  | 'EAUTH' // the storage refused our credentials
  | 'EAGAIN' // asked too often: throttled, try again later
  | 'EUNAVAILABLE' // the storage cannot be reached, or its breaker is open
  | 'ETIMEDOUT' // the storage did not answer within the deadline
  | 'ECANCELED' // the caller went away
  | 'EIO'; // the storage failed, or answered what makes no sense

/** The one error class of the daemon. `cause` keeps the foreign error; it never reaches a client. */
export class VfsError extends Error {
  override readonly name = 'VfsError';
  readonly code: ErrorCode;
  /** What was being done: `stat`, `put`, `rename`, … */
  readonly op: string;
  /** Where, as the layer that threw sees it. */
  readonly path: string;
  /** One sentence for a person; free of secrets. */
  readonly detail: string | undefined;

  constructor(code: ErrorCode, op: string, path: Path | string, options: { cause?: unknown; detail?: string } = {}) {
    super(`${code}: ${op} ${path}${options.detail === undefined ? '' : `: ${options.detail}`}`, {
      cause: options.cause,
    });
    this.code = code;
    this.op = op;
    this.path = path;
    this.detail = options.detail;
  }
}

/** Whether `error` is a VfsError, with one of `codes` where any are given. */
export function isVfsError(error: unknown, ...codes: readonly ErrorCode[]): error is VfsError {
  return error instanceof VfsError && (codes.length === 0 || codes.includes(error.code));
}

const FROM_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ENOENT',
  EEXIST: 'EEXIST',
  ENOTDIR: 'ENOTDIR',
  EISDIR: 'EISDIR',
  ENOTEMPTY: 'ENOTEMPTY',
  EACCES: 'EACCES',
  EPERM: 'EPERM',
  EROFS: 'EROFS',
  EINVAL: 'EINVAL',
  ENAMETOOLONG: 'ENAMETOOLONG',
  ELOOP: 'ELOOP',
  EXDEV: 'EXDEV',
  ENOSPC: 'ENOSPC',
  EDQUOT: 'EDQUOT',
  EFBIG: 'EFBIG',
  EBUSY: 'EBUSY',
  ETXTBSY: 'EBUSY',
  ENOTSUP: 'ENOTSUP',
  EOPNOTSUPP: 'ENOTSUP',
  ENOSYS: 'ENOTSUP',
  EBADF: 'EBADF',
  EMFILE: 'EMFILE',
  ENFILE: 'EMFILE',
  ESTALE: 'ESTALE',
  ECONNREFUSED: 'EUNAVAILABLE',
  ECONNRESET: 'EUNAVAILABLE',
  EPIPE: 'EUNAVAILABLE',
  EHOSTUNREACH: 'EUNAVAILABLE',
  ENETUNREACH: 'EUNAVAILABLE',
  ENOTFOUND: 'EUNAVAILABLE',
  EAI_AGAIN: 'EUNAVAILABLE',
  ETIMEDOUT: 'ETIMEDOUT',
  ABORT_ERR: 'ECANCELED',
};

/**
 * Turns an error of Node (file system, sockets, abort signals) into ours; a VfsError passes unchanged.
 * Drivers with words of their own (HTTP statuses, SFTP codes) translate those first, in one function each.
 */
export function fromNodeError(error: unknown, op: string, path: Path | string): VfsError {
  if (error instanceof VfsError) return error;
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  if (error instanceof Error && error.name === 'AbortError')
    return new VfsError('ECANCELED', op, path, { cause: error });
  return new VfsError((code !== undefined && FROM_ERRNO[code]) || 'EIO', op, path, { cause: error });
}
