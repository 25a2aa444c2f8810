import { type ErrorCode, fromNodeError, VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';

/** What libuv has no name for, by errno. */
const UNNAMED: Readonly<Record<number, ErrorCode>> = {
  [-122]: 'EDQUOT',
  [-116]: 'ESTALE', // a network file system lost the file
  [-112]: 'EUNAVAILABLE', // EHOSTDOWN
};

/** What means something else on a file system than on a socket, or is not in the common table. */
const NAMED: Readonly<Record<string, ErrorCode>> = {
  EFBIG: 'EFBIG',
  EDQUOT: 'EDQUOT',
  EMLINK: 'EPERM',
  ENXIO: 'EPERM', // a socket, or a device without a driver
  ENODEV: 'EPERM',
  ENOTCONN: 'EUNAVAILABLE', // a FUSE file system whose daemon died
  ERR_INVALID_ARG_VALUE: 'EINVAL', // a NUL inside
};

/** Turns an error of the file system into ours: the one place of this driver that does. */
export function localError(error: unknown, op: string, path: Path): VfsError {
  if (error instanceof VfsError) return error;
  const { code, errno } = error as NodeJS.ErrnoException;
  const known = (errno !== undefined && UNNAMED[errno]) || (code !== undefined && NAMED[code]);
  return known ? new VfsError(known, op, path, { cause: error }) : fromNodeError(error, op, path);
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
