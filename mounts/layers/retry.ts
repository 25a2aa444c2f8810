import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Clock } from './clock.js';
import type { Around, OperationName } from './intercept.js';

export interface RetryOptions {
  /** Attempts in all, the first included. */
  readonly attempts: number;
  /** ms before the second attempt, doubled for each further one, at most `longest`; the wait is drawn between half of
   *  that and all of it, so that many callers do not come back at once. */
  readonly first: number;
  readonly longest: number;
}

/** Operations that give the same when done twice, also when the first attempt was done and only its answer was lost.
 *  A mkdir, unlink or rename is not one: its second attempt would find what the first did, and report EEXIST. */
const IDEMPOTENT: ReadonlySet<OperationName> = new Set([
  'stat',
  'list', // up to its first page
  'get', // until it is open
  'readlink',
  'statfs',
  'setattr',
  'copy',
  'open',
  'read',
]);

/**
 * Tries again where the storage could not be reached and trying again is harmless. A put is tried again only while
 * nobody has asked for the first byte of its body.
 */
export function retry(options: RetryOptions, clock: Clock, random: () => number = Math.random): Around {
  return (operation) => {
    const { name, paths } = operation;
    let bodyTouched = false;
    const harmless = (): boolean => IDEMPOTENT.has(name) || (name === 'put' && !bodyTouched);
    return {
      async call(next) {
        for (let attempt = 1; ; attempt++) {
          try {
            return await next();
          } catch (error) {
            if (attempt >= options.attempts || !isVfsError(error, 'EUNAVAILABLE', 'ETIMEDOUT') || !harmless()) {
              throw error;
            }
          }
          const wait = Math.min(options.longest, options.first * 2 ** (attempt - 1)) * (0.5 + random() / 2);
          if (!(await pause(clock, wait, operation.signal))) throw new VfsError('ECANCELED', name, paths[0]);
        }
      },
      feed(next) {
        bodyTouched = true;
        return next();
      },
    };
  };
}

/** @returns false when the signal fired first */
function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const over = (slept: boolean): void => {
      calledOff();
      signal?.removeEventListener('abort', wake);
      resolve(slept);
    };
    const wake = (): void => over(false);
    const calledOff = clock.after(ms, () => over(true));
    signal?.addEventListener('abort', wake);
  });
}
