import type { Logger } from '../../src/core/log.js';
import type { Meter } from '../../src/core/meter.js';
import type { Driver } from '../driver.js';
import { Breaker, type BreakerOptions, type MountState } from './breaker.js';
import { type Clock, systemClock } from './clock.js';
import { type DeadlineOptions, deadline } from './deadline.js';
import { guard } from './guard.js';
import { intercept } from './intercept.js';
import { type LimitOptions, limit } from './limit.js';
import { measure } from './measure.js';
import { type RetryOptions, retry } from './retry.js';

/** A driver with all its layers on. */
export interface LayeredDriver extends Driver {
  /** What is known of the storage's health, without asking it. */
  state(): MountState;
  /** Calls `listener` after each change of `state()`. @returns a function that ends it */
  onState(listener: (state: MountState) => void): () => void;
}

export interface LayerOptions {
  /** Where it is mounted, as metrics and logs name it. */
  readonly mount: string;
  readonly meter: Meter;
  readonly log: Logger;
  readonly clock?: Clock | undefined;
  readonly limits?: Partial<LimitOptions> | undefined;
  readonly breaker?: Partial<BreakerOptions> | undefined;
  readonly retries?: Partial<RetryOptions> | undefined;
  readonly deadlines?: Partial<DeadlineOptions> | undefined;
}

/**
 * Puts every layer about a driver. From the outside in:
 *
 *  1. `measure`: sees what the caller sees, waiting and refusals included, each call once.
 *  2. `limit`: before the breaker, so that whoever waited for a place while the storage died is refused by the breaker
 *     at once instead of trying it.
 *  3. `breaker`: outside the deadline, because a call that ran out of time is what it must hear of; outside retry,
 *     because three attempts of one call are one failure, and because nobody should retry a refusal of the breaker.
 *  4. `deadline`: outside retry, so that the time a caller waits is one deadline and not one per attempt; inside
 *     limit, so that a driver that ignores its signal gives its place back.
 *  5. `retry`: next to the guard, so that each attempt is guarded.
 *  6. `guard`: nothing reaches the driver but through it, and every layer above sees VfsErrors only.
 */
export function layered(driver: Driver, options: LayerOptions): LayeredDriver {
  const { mount, meter, clock = systemClock } = options;
  const log = options.log.child({ mount });
  const breaker = new Breaker({ failures: 5, coolDown: 1_000, longestCoolDown: 30_000, ...options.breaker }, clock);
  let down = false;
  breaker.onState(({ breaker: now, lastError }) => {
    if (now === 'open' && !down) log.warn({ err: lastError }, 'storage does not answer: breaker open');
    else if (now === 'closed' && down) log.info({}, 'storage answers again: breaker closed');
    if (now !== 'half-open') down = now === 'open';
  });

  const layers = [
    guard(log),
    retry({ attempts: 3, first: 100, longest: 2_000, ...options.retries }, clock),
    deadline(deadlinesFor(driver, options.deadlines), clock),
    breaker.around,
    limit({ concurrency: 64, queue: 1_024, patience: 30_000, lend: 1_000, ...options.limits }, clock),
    measure(mount, meter, breaker, clock),
  ];
  const outermost = layers.reduce(intercept, driver);
  return Object.defineProperties(
    {
      ...outermost,
      state: () => breaker.state,
      onState: (listener: (state: MountState) => void) => breaker.onState(listener),
    },
    { traits: { get: () => driver.traits, enumerable: true } },
  );
}

function deadlinesFor({ traits }: Driver, given: LayerOptions['deadlines'] = {}): DeadlineOptions {
  const times = { call: 30_000, stall: 60_000, long: 600_000, idle: 600_000, grace: 2_000, ...given };
  // Asked of the driver's nature and not of atomicRename, which some learn only from their first connection.
  return traits.renamesByCopy ? { ...times, of: { rename: times.long, setattr: times.long, ...given.of } } : times;
}
