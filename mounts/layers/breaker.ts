import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Clock } from './clock.js';
import type { Around, Operation } from './intercept.js';

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** ms from opening to the first probe; doubled after each probe that fails, up to `longestCoolDown`. */
  readonly coolDown: number;
  readonly longestCoolDown: number;
}

/** `closed`: calls pass. `open`: they are refused. `half-open`: one is under way to see whether the storage is back. */
export type BreakerState = 'closed' | 'half-open' | 'open';

export interface MountState {
  readonly breaker: BreakerState;
  /** The last failure that is the storage's own (unreachable, too slow, our credentials refused); gone once a later
   *  call succeeds. */
  readonly lastError?: VfsError | undefined;
  /** When the breaker took this state, ms since 1970. */
  readonly since: number;
}

/**
 * Stops asking a storage that does not answer: after `failures` operations in a row ended in EUNAVAILABLE or ETIMEDOUT,
 * further ones are refused with EUNAVAILABLE at once, save a probe from time to time. Any other answer, ENOENT as well as
 * EAUTH, shows that the storage is there.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  readonly #listeners = new Set<(state: MountState) => void>();
  #state: MountState = { breaker: 'closed', since: Date.now() };
  #failed = 0;
  #coolDown: number;
  #probeAt = 0;
  #probe: Operation | undefined;

  constructor(options: BreakerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#coolDown = options.coolDown;
  }

  get state(): MountState {
    return this.#state;
  }

  /** Calls `listener` after each change of `state`. @returns a function that ends it */
  onState(listener: (state: MountState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly around: Around = (operation) => {
    // Giving back does not ask the storage anything that matters.
    if (operation.name === 'release' || operation.name === 'abort' || operation.name === 'close') return {};
    let admitted = false;
    let bodyFailed = false;
    return {
      call: async (next) => {
        this.#admit(operation);
        admitted = true;
        const value = await next();
        // A listing or body that opened and then breaks off must not count as one success and one failure.
        if (operation.shape !== 'stream' || this.#probe === operation) this.#succeeded(operation);
        return value;
      },
      async feed(next) {
        try {
          return await next();
        } catch (error) {
          bodyFailed = true;
          throw error;
        }
      },
      end: (error) => {
        if (!admitted) return;
        if (error === undefined) {
          if (operation.shape === 'stream') this.#succeeded(operation);
        } else if (bodyFailed || !isVfsError(error) || isVfsError(error, 'ECANCELED')) this.#toldNothing(operation);
        else if (isVfsError(error, 'EUNAVAILABLE', 'ETIMEDOUT')) this.#failedWith(operation, error);
        else this.#succeeded(operation, isVfsError(error, 'EAUTH') ? error : undefined);
      },
    };
  };

  #admit(operation: Operation): void {
    if (this.#state.breaker === 'closed') return;
    if (this.#probe === undefined && this.#clock.now() >= this.#probeAt) {
      this.#probe = operation;
      this.#become('half-open', this.#state.lastError);
      return;
    }
    throw new VfsError('EUNAVAILABLE', operation.name, operation.paths[0], {
      cause: this.#state.lastError,
      detail: 'the storage did not answer lately; it is not asked again yet',
    });
  }

  #succeeded(operation: Operation, lastError?: VfsError): void {
    // What was under way when the breaker opened says nothing about now.
    if (this.#state.breaker !== 'closed' && this.#probe !== operation) return;
    this.#failed = 0;
    this.#coolDown = this.#options.coolDown;
    this.#probe = undefined;
    this.#become('closed', lastError);
  }

  #toldNothing(operation: Operation): void {
    if (this.#probe !== operation) return;
    this.#probe = undefined;
    this.#become('open', this.#state.lastError);
  }

  #failedWith(operation: Operation, error: VfsError): void {
    if (this.#probe === operation) {
      this.#probe = undefined;
      this.#coolDown = Math.min(this.#coolDown * 2, this.#options.longestCoolDown);
    } else if (this.#state.breaker !== 'closed' || ++this.#failed < this.#options.failures) {
      this.#become(this.#state.breaker, error);
      return;
    }
    this.#probeAt = this.#clock.now() + this.#coolDown;
    this.#become('open', error);
  }

  #become(breaker: BreakerState, lastError: VfsError | undefined): void {
    const before = this.#state;
    if (before.breaker === breaker && before.lastError === lastError) return;
    this.#state = { breaker, lastError, since: before.breaker === breaker ? before.since : Date.now() };
    for (const listener of this.#listeners) listener(this.#state);
  }
}
