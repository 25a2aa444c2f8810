import type { ErrorCode } from '../../core/errors.js';

/** What a WebDAV client sees of each error, unless the verb says otherwise. */
export const STATUS: Readonly<Record<ErrorCode, number>> = {
  ENOENT: 404,
  EEXIST: 409,
  ENOTDIR: 409,
  EISDIR: 405,
  ENOTEMPTY: 409,
  EACCES: 403,
  EPERM: 403,
  EROFS: 403,
  EINVAL: 400,
  ENAMETOOLONG: 414,
  ELOOP: 403,
  EXDEV: 502, // RFC 4918 §9.8.5: the destination lies where the method cannot reach
  ENOSPC: 507,
  EDQUOT: 507,
  EFBIG: 413,
  EBUSY: 409,
  ELOCKED: 423,
  EPRECONDITION: 412,
  ERANGE: 416,
  ENOTSUP: 501,
  EBADF: 500,
  EMFILE: 503,
  ESTALE: 503,
  EAUTH: 502, // not 401: it is our account at the storage that was refused, not the caller's
  EAGAIN: 429,
  EUNAVAILABLE: 503,
  ETIMEDOUT: 504,
  ECANCELED: 408, // a client that is still there sees it only when its body made no progress
  EIO: 500,
};

type Overrides = Readonly<Partial<Record<ErrorCode, number>>>;

/** A path below a file does not exist; a conflict is only for what would have to be made there. */
const BELOW_A_FILE: Overrides = { ENOTDIR: 404 };

/** Where the RFC of a verb says something else. */
const BY_METHOD: Readonly<Record<string, Overrides>> = {
  GET: BELOW_A_FILE,
  HEAD: BELOW_A_FILE,
  PROPFIND: BELOW_A_FILE,
  PROPPATCH: BELOW_A_FILE,
  DELETE: { ...BELOW_A_FILE, EBUSY: 403 },
  PUT: { ENOENT: 409 }, // RFC 4918 §9.7.1: without a parent collection
  MKCOL: { ENOENT: 409, EEXIST: 405, EBUSY: 405 }, // RFC 4918 §9.3.1
  COPY: { ENOENT: 409, EEXIST: 412, EINVAL: 403 }, // RFC 4918 §9.8.5
  MOVE: { ENOENT: 409, EEXIST: 412, EINVAL: 403, EBUSY: 403 }, // RFC 4918 §9.9.4
  LOCK: { ENOENT: 409 }, // RFC 4918 §9.10.6
};

export function statusOf(code: ErrorCode, method: string): number {
  return BY_METHOD[method]?.[code] ?? STATUS[code];
}

/** `HTTP/1.1 404 Not Found`, as a multistatus carries it. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${REASON[status] ?? 'Status'}`;
}

const REASON: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  423: 'Locked',
  424: 'Failed Dependency',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
};
