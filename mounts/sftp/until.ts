import type { Call } from '../../src/core/bytes.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';

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
