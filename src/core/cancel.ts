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
  const cancelled = () => new VfsError('ECANCELED', op, path, { cause: signal.reason });
  let fire: (error: VfsError) => void = () => {};
  const onAbort = () => fire(cancelled());
  signal.addEventListener('abort', onAbort, { once: true });
  let ended = false;
  try {
    for (;;) {
      if (signal.aborted) throw cancelled();
      // Not Promise.race with one promise for the signal: that promise would hold every chunk until the end.
      const step = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        fire = reject;
        iterator.next().then(resolve, reject);
      });
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
