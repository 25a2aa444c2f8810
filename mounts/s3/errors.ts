import type { Call } from '../../src/core/bytes.js';
import { type ErrorCode, fromNodeError, VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';

/** What is being done where, for errors, and the caller's signal. */
export interface Where extends Call {
  readonly op: string;
  readonly path: Path;
}

/** An answer of the server that is no success. */
export class S3Failure extends Error {
  override readonly name = 'S3Failure';
  readonly status: number;
  /** The `Code` of the XML answer; empty where there was none. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(`${status} ${code}: ${message}`.slice(0, 300));
    this.status = status;
    this.code = code;
  }
}

/** Codes of Amazon's table of error responses, and those that Ceph and Swift add. */
const FROM_CODE: Readonly<Record<string, ErrorCode>> = {
  NoSuchKey: 'ENOENT',
  NoSuchVersion: 'ENOENT',
  NoSuchUpload: 'EIO',
  NoSuchBucket: 'EUNAVAILABLE',
  InvalidBucketName: 'EUNAVAILABLE',
  PermanentRedirect: 'EUNAVAILABLE',
  TemporaryRedirect: 'EUNAVAILABLE',
  AccessDenied: 'EACCES',
  AllAccessDisabled: 'EACCES',
  InvalidObjectState: 'EACCES',
  AccountProblem: 'EAUTH',
  AuthorizationHeaderMalformed: 'EAUTH',
  CredentialsNotSupported: 'EAUTH',
  ExpiredToken: 'EAUTH',
  InvalidAccessKeyId: 'EAUTH',
  InvalidSecurity: 'EAUTH',
  InvalidToken: 'EAUTH',
  NotSignedUp: 'EAUTH',
  RequestExpired: 'EAUTH',
  RequestTimeTooSkewed: 'EAUTH',
  SignatureDoesNotMatch: 'EAUTH',
  UserSuspended: 'EAUTH',
  PreconditionFailed: 'EPRECONDITION',
  ConditionalRequestConflict: 'EPRECONDITION',
  InvalidRange: 'ERANGE',
  EntityTooLarge: 'EFBIG',
  KeyTooLong: 'ENAMETOOLONG',
  KeyTooLongError: 'ENAMETOOLONG',
  QuotaExceeded: 'EDQUOT',
  MethodNotAllowed: 'EPERM',
  NotImplemented: 'ENOTSUP',
  RequestTimeout: 'ETIMEDOUT',
  Busy: 'EUNAVAILABLE',
  InternalError: 'EUNAVAILABLE',
  OperationAborted: 'EUNAVAILABLE',
  ServiceUnavailable: 'EUNAVAILABLE',
  SlowDown: 'EUNAVAILABLE',
};

/**
 * By status, where there was no code that we know. A 404 without the code of S3 is the answer of something else on the
 * way and must not be taken for a missing file.
 */
const FROM_STATUS: Readonly<Record<number, ErrorCode>> = {
  301: 'EUNAVAILABLE',
  302: 'EUNAVAILABLE',
  307: 'EUNAVAILABLE',
  308: 'EUNAVAILABLE',
  401: 'EAUTH',
  403: 'EACCES',
  404: 'EUNAVAILABLE',
  405: 'EPERM',
  408: 'ETIMEDOUT',
  412: 'EPRECONDITION',
  413: 'EFBIG',
  414: 'ENAMETOOLONG',
  416: 'ERANGE',
  429: 'EUNAVAILABLE',
  500: 'EUNAVAILABLE',
  501: 'ENOTSUP',
  502: 'EUNAVAILABLE',
  503: 'EUNAVAILABLE',
  504: 'ETIMEDOUT',
  507: 'ENOSPC',
};

const FROM_UNDICI: Readonly<Record<string, ErrorCode>> = {
  UND_ERR_ABORTED: 'ECANCELED',
  UND_ERR_BODY_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_CLOSED: 'EBADF',
  UND_ERR_CONNECT_TIMEOUT: 'EUNAVAILABLE',
  UND_ERR_DESTROYED: 'EBADF',
  UND_ERR_HEADERS_TIMEOUT: 'ETIMEDOUT',
  UND_ERR_SOCKET: 'EUNAVAILABLE',
};

const CERTIFICATE = /CERT|ERR_TLS|ERR_SSL|UNABLE_TO_/;

/** Turns whatever a request failed with into our error; a VfsError passes unchanged. */
export function toVfsError(error: unknown, where: Where): VfsError {
  const { op, path, signal } = where;
  if (signal?.aborted) return new VfsError('ECANCELED', op, path, { cause: error });
  if (error instanceof VfsError) return error;
  if (error instanceof S3Failure) {
    const code = FROM_CODE[error.code] ?? FROM_STATUS[error.status] ?? 'EIO';
    return new VfsError(code, op, path, { cause: error, detail: error.code || `HTTP status ${error.status}` });
  }
  const code = error instanceof Error ? String((error as NodeJS.ErrnoException).code ?? '') : '';
  const known = FROM_UNDICI[code] ?? (CERTIFICATE.test(code) ? 'EUNAVAILABLE' : undefined);
  if (known !== undefined) return new VfsError(known, op, path, { cause: error, detail: code });
  return fromNodeError(error, op, path);
}
