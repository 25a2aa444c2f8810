import type { Call } from '../../src/core/bytes.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';

const GRACE_MS = 1_500;

/**
 * Waits for `promise`, which ends by itself when the signal fires and then has something to clean up; where even that
 * hangs, for one and a half seconds more.
 * @throws VfsError ECANCELED
 */
export function untilCleaned<T>(promise: Promise<T>, call: Call | undefined, op: string, path: Path): Promise<T> {
  const { signal } = call ?? {};
  if (signal === undefined) return promise;
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const fired = (): void => {
    timer = setTimeout(() => late.abort(signal.reason), GRACE_MS);
  };
  signal.addEventListener('abort', fired, { once: true });
  return until(promise, { signal: late.signal }, op, path).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', fired);
  });
}

/**
 * Waits for `promise`, or for the signal: requests that are out cannot be called back, but nobody needs to wait for them.
 * @param discard  gives back a result that comes when nobody waits any more
 * @throws VfsError ECANCELED
 */
export function until<T>(
  promise: Promise<T>,
  call: Call | undefined,
  op: string,
  path: Path,
  discard: (late: T) => void = () => {},
): Promise<T> {
  const signal = call?.signal;
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    let waiting = true;
    const cancel = (): void => {
      waiting = false;
      signal.removeEventListener('abort', cancel);
      reject(new VfsError('ECANCELED', op, path, { cause: signal.reason }));
    };
    promise.then(
      (value) => {
        signal.removeEventListener('abort', cancel);
        if (waiting) resolve(value);
        else discard(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', cancel);
        if (waiting) reject(error as Error);
      },
    );
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
  });
}
