import { setMaxListeners } from 'node:events';
import type { Where } from './errors.js';

/** A call whose parts can be ended together without ending the call. */
export interface Joint {
  readonly where: Where;
  stop(): void;
}

/** Gives `where` a signal that also fires at `stop`. */
export function joint(where: Where): Joint {
  const controller = new AbortController();
  const signal = where.signal === undefined ? controller.signal : AbortSignal.any([where.signal, controller.signal]);
  setMaxListeners(0, signal);
  return { where: { ...where, signal }, stop: () => controller.abort() };
}

/**
 * Works on items, `width` at a time, taking the next item only when a place is free. The first failure stops the rest.
 * @throws what failed first, once all work under way has ended
 */
export async function inParallel<T>(
  items: AsyncIterator<T, void> | Iterator<T, void>,
  width: number,
  { where, stop }: Joint,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const worker = async () => {
    try {
      while (failures.length === 0) {
        where.signal?.throwIfAborted();
        const next = await items.next();
        if (next.done) return;
        await work(next.value);
      }
    } catch (error) {
      failures.push(error);
      stop();
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failures.length === 0) return;
  await items.return?.();
  throw failures[0];
}
