import { type ErrorCode, isVfsError } from './errors.js';

const WORDS: Partial<Readonly<Record<ErrorCode, string>>> = {
  EUNAVAILABLE: 'cannot be reached',
  ETIMEDOUT: 'did not answer in time',
  EAUTH: 'refused the credentials',
  EACCES: 'does not let this account in',
  ENOENT: 'the root is not there',
  ENOTDIR: 'the root is not a folder',
};

/** Why a storage does not answer, in one sentence free of what only the log should hold. */
export function inWords(error: unknown): string {
  if (!isVfsError(error)) return 'failed';
  const word = WORDS[error.code] ?? error.code;
  return error.detail === undefined ? word : `${word}: ${error.detail}`;
}

/** The same with what the foreign library said, for the administrator. */
export function inWordsWithCause(error: unknown): string {
  if (!isVfsError(error)) return error instanceof Error ? error.message : String(error);
  const causes: string[] = [];
  let cause = error.cause;
  while (cause instanceof Error && causes.length < 4) {
    const text = isVfsError(cause) ? cause.detail : cause.message || (cause as NodeJS.ErrnoException).code;
    if (text !== undefined && !causes.includes(text) && text !== error.detail) causes.push(text);
    cause = cause.cause;
  }
  return [inWords(error), ...causes].join(': ').replace(/\s+/g, ' ').slice(0, 400);
}
