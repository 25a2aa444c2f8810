import { constants } from 'node:os';
import type { ErrorCode } from '../../core/errors.js';

const { errno } = constants;
/** "Host is down", Linux's 112: `node:os` does not have it. What a dead mount answers, so that a person sees it is
 *  the storage and not the file. */
const EHOSTDOWN = 112;

/** What a program sees of each of our errors. */
export const ERRNO: Readonly<Record<ErrorCode, number>> = {
  ENOENT: errno.ENOENT,
  EEXIST: errno.EEXIST,
  ENOTDIR: errno.ENOTDIR,
  EISDIR: errno.EISDIR,
  ENOTEMPTY: errno.ENOTEMPTY,
  EACCES: errno.EACCES,
  EPERM: errno.EPERM,
  EROFS: errno.EROFS,
  EINVAL: errno.EINVAL,
  ENAMETOOLONG: errno.ENAMETOOLONG,
  ELOOP: errno.ELOOP,
  EXDEV: errno.EXDEV,
  ENOSPC: errno.ENOSPC,
  EDQUOT: errno.EDQUOT,
  EFBIG: errno.EFBIG,
  EBUSY: errno.EBUSY,
  ELOCKED: errno.EBUSY,
  EPRECONDITION: errno.ESTALE, // the file that was opened is not the one that is there now
  ERANGE: errno.EINVAL,
  ENOTSUP: errno.EOPNOTSUPP,
  EBADF: errno.EBADF,
  EMFILE: errno.ENFILE, // our table is full, not the caller's
  ESTALE: errno.ESTALE,
  EAGAIN: errno.EAGAIN,
  EAUTH: errno.EACCES,
  EUNAVAILABLE: EHOSTDOWN,
  ETIMEDOUT: errno.ETIMEDOUT,
  ECANCELED: errno.EINTR,
  EIO: errno.EIO,
};

/** What is not an error of the view: the request is not one we know. The kernel remembers and does it itself. */
export const ENOSYS = errno.ENOSYS;
export const EIO = errno.EIO;
export const ENOTCONN = errno.ENOTCONN;
