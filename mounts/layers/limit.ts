import { VfsError } from '../../src/core/errors.js';
import type { Clock } from './clock.js';
import type { Around } from './intercept.js';

export interface LimitOptions {
  /** Operations that may be at the storage at once. */
  readonly concurrency: number;
  /** Operations that may wait for a place; more are EAGAIN at once. */
  readonly queue: number;
  /** ms an operation waits for a place before it is EAGAIN. */
  readonly patience: number;
  /** ms after which a body or listing that waits for our side (a reader that pauses, an upload that dribbles) lends its
   *  place to others. Without it, copies inside one mount, which hold one place and need a second, would wait for each
   *  other for ever. */
  readonly lend: number;
}

/**
 * Bounds what is at the storage at once. A listing, a body and a put hold a place as long as they run; an open file
 * holds none between its reads.
 */
export function limit(options: LimitOptions, clock: Clock): Around {
  const places = new Places(options, clock);
  return (operation) => {
    // Giving back must always be possible.
    if (operation.name === 'release' || operation.name === 'abort' || operation.name === 'close') return {};
    const { name, paths, signal, shape } = operation;
    const refused = (code: 'EAGAIN' | 'ECANCELED', detail?: string): VfsError =>
      new VfsError(code, name, paths[0], detail === undefined ? {} : { detail });
    let held = false;
    let over = false;
    let stopLending: (() => void) | undefined;

    const release = (): void => {
      if (!held) return;
      held = false;
      places.release();
    };
    const idle = (): void => {
      stopLending = clock.after(options.lend, release, true);
    };
    const busy = async (first: boolean): Promise<void> => {
      stopLending?.();
      if (held) return;
      await places.take(first, signal, refused);
      held = true;
      if (over) release(); // a chunk that came when nobody waited for it any more
    };
    return {
      async call(next) {
        await busy(true);
        const value = await next();
        if (shape === 'stream') idle();
        else if (shape === 'handle') release();
        return value;
      },
      async pull(next) {
        await busy(false);
        const result = await next();
        idle();
        return result;
      },
      async feed(next) {
        idle();
        const chunk = await next();
        await busy(false);
        return chunk;
      },
      end() {
        over = true;
        stopLending?.();
        release();
      },
    };
  };
}

interface Waiter {
  admit(): void;
}

class Places {
  readonly #options: LimitOptions;
  readonly #clock: Clock;
  #taken = 0;
  /** Those that had a place and lent it come before those that have not begun. */
  readonly #returning: Waiter[] = [];
  readonly #waiting: Waiter[] = [];

  constructor(options: LimitOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async take(
    first: boolean,
    signal: AbortSignal | undefined,
    refused: (code: 'EAGAIN' | 'ECANCELED', detail?: string) => VfsError,
  ): Promise<void> {
    if (this.#taken < this.#options.concurrency) {
      this.#taken++;
      return;
    }
    const queue = first ? this.#waiting : this.#returning;
    if (first && queue.length >= this.#options.queue)
      throw refused('EAGAIN', 'too many operations wait for this mount');
    await new Promise<void>((resolve, reject) => {
      const leave = (error: VfsError): void => {
        queue.splice(queue.indexOf(waiter), 1);
        settle();
        reject(error);
      };
      const cancel = (): void => leave(refused('ECANCELED'));
      const settle = (): void => {
        calledOff();
        signal?.removeEventListener('abort', cancel);
      };
      const waiter: Waiter = {
        admit() {
          settle();
          resolve();
        },
      };
      const calledOff = this.#clock.after(this.#options.patience, () =>
        leave(refused('EAGAIN', 'no operation of this mount ended in time')),
      );
      if (signal?.aborted) {
        calledOff();
        reject(refused('ECANCELED'));
        return;
      }
      signal?.addEventListener('abort', cancel);
      queue.push(waiter);
    });
  }

  release(): void {
    const waiter = this.#returning.shift() ?? this.#waiting.shift();
    if (waiter === undefined) this.#taken--;
    else waiter.admit();
  }
}
