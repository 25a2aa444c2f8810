import type { Bytes, Call } from './bytes.js';
import { VfsError } from './errors.js';
import type { Path } from './path.js';

/** @throws VfsError ECANCELED when the signal has fired. */
export function refuseFired(call: Call | undefined, op: string, path: Path): void {
  if (call?.signal?.aborted) throw new VfsError('ECANCELED', op, path, { cause: call.signal.reason });
}

/**
 * The same body, which a fired signal ends with ECANCELED, also while it waits for a chunk that never comes. The body's
 * iterator is closed in every case, but not waited for after a signal: a generator that hangs would hang us too.
 */
export async function* cancellable(body: Bytes, signal: AbortSignal | undefined, op: string, path: Path): Bytes {
  if (signal === undefined) {
    yield* body;
    return;
  }
  const iterator = body[Symbol.asyncIterator]();
  let fire: (error: VfsError) => void = () => {};
  const fired = new Promise<never>((_, reject) => {
    fire = reject;
  });
  fired.catch(() => {});
  const onAbort = () => fire(new VfsError('ECANCELED', op, path, { cause: signal.reason }));
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      const next = iterator.next();
      next.catch(() => {});
      const step = await Promise.race([fired, next]);
      if (step.done) {
        ended = true;
        return;
      }
      yield step.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    if (!ended) {
      const closing = Promise.resolve(iterator.return?.()).catch(() => {});
      if (!signal.aborted) await closing;
    }
  }
}
