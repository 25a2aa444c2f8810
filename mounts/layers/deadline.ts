import { setMaxListeners } from 'node:events';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Clock } from './clock.js';
import type { Around, OperationName } from './intercept.js';

/** All in ms. */
export interface DeadlineOptions {
  /** For a call that moves no content. */
  readonly call: number;
  /** For the next piece of a body or listing, and for the next sign that a put goes on. */
  readonly stall: number;
  /** For what a storage does with a whole file in one call: a copy, a commit, a put once its body was read. */
  readonly long: number;
  /** For our side to ask for the next piece of a body or listing before the storage's connection is given back. */
  readonly idle: number;
  /** What a driver gets, after its signal fired, to tell how the call really ended. */
  readonly grace: number;
  /** Other times for single operations, as for a storage whose rename copies. */
  readonly of?: Partial<Record<OperationName, number>> | undefined;
}

const LONG: ReadonlySet<OperationName> = new Set(['copy', 'commit', 'purge', 'replace']);
const CONTENT: ReadonlySet<OperationName> = new Set(['put', 'read', 'write']);

/**
 * Ends what takes too long: the signal to the driver fires, and the caller gets ETIMEDOUT, soon also from a driver that
 * does not obey its signal. What such a driver brings later is released. While the driver waits for us (for the next chunk of
 * an upload, for a reader to go on), its time stands still.
 */
export function deadline(options: DeadlineOptions, clock: Clock): Around {
  return (operation) => {
    const { name, paths, shape, signal: caller } = operation;
    const controller = new AbortController();
    const limit =
      options.of?.[name] ?? (LONG.has(name) ? options.long : CONTENT.has(name) ? options.stall : options.call);
    let ending: VfsError | undefined;
    let giveUp: ((error: VfsError) => void) | undefined;
    let disarm: (() => void) | undefined;

    const arm = (ms: number): void => {
      disarm?.();
      if (ending === undefined) disarm = clock.after(ms, () => finish('ETIMEDOUT', `no answer within ${ms / 1000} s`));
      else waitGrace(ending);
    };
    const waitGrace = (error: VfsError): void => {
      disarm = clock.after(options.grace, () => giveUp?.(error));
    };
    const finish = (code: 'ETIMEDOUT' | 'ECANCELED', detail?: string): void => {
      if (ending !== undefined) return;
      disarm?.();
      ending = new VfsError(code, name, paths[0], detail === undefined ? {} : { detail });
      // With a reason: without one Node makes a DOMException each time, which costs more than the rest of a small read.
      controller.abort(ending);
      if (giveUp !== undefined) waitGrace(ending);
    };
    const cancel = (): void => finish('ECANCELED');
    const forget = (): void => caller?.removeEventListener('abort', cancel);

    const bounded = <T>(ms: number, start: () => Promise<T>, discard: (late: T) => void = () => {}): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        const settle = (): boolean => {
          if (giveUp !== abandon) return false;
          giveUp = undefined;
          disarm?.();
          return true;
        };
        const abandon = (error: VfsError): void => {
          if (settle()) reject(error);
        };
        giveUp = abandon;
        arm(ms);
        start().then(
          (value) => (settle() ? resolve(value) : discard(value)),
          (error: unknown) => {
            if (!settle()) return;
            reject(ending?.code === 'ETIMEDOUT' && isVfsError(error, 'ECANCELED') ? ending : error);
          },
        );
      });
    const idle = (): void => {
      if (ending !== undefined) return;
      disarm = clock.after(options.idle, () => finish('ETIMEDOUT', 'nobody asked for more'), true);
    };

    return {
      async call(next, discard) {
        if (caller?.aborted) throw new VfsError('ECANCELED', name, paths[0]);
        if (caller !== undefined) {
          // Many calls may share one signal: a request that lists and reads, a front end that stops.
          setMaxListeners(0, caller);
          caller.addEventListener('abort', cancel);
        }
        const value = await bounded(limit, () => next(controller.signal), discard);
        if (shape === 'stream') idle();
        else forget();
        return value;
      },
      async pull(next) {
        const result = await bounded(options.stall, next);
        if (!result.done) idle();
        return result;
      },
      async feed(next) {
        // The caller was told that it failed, and may be writing to what the body is read from: it must not be stored.
        if (ending !== undefined) throw ending;
        disarm?.();
        const chunk = await next();
        if (giveUp !== undefined) arm(chunk.done ? options.long : limit);
        return chunk;
      },
      async leave(next) {
        ending ??= new VfsError('ECANCELED', name, paths[0]);
        controller.abort(ending);
        await bounded(options.grace, next).catch(() => {});
      },
      end() {
        forget();
        disarm?.();
      },
    };
  };
}
