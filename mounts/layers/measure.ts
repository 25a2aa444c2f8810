import { isVfsError } from '../../src/core/errors.js';
import type { Meter } from '../../src/core/meter.js';
import type { Breaker, BreakerState } from './breaker.js';
import type { Clock } from './clock.js';
import type { Around } from './intercept.js';

/**
 * Counts what callers of one mount see. An operation's duration is the time to its answer, for bodies and listings the
 * time until they are open; its result is `ok`, an error code, or `body` when the upload that a put was given failed,
 * which is not the mount's doing.
 */
export function measure(mount: string, meter: Meter, breaker: Breaker, clock: Clock): Around {
  const operations = meter.counter('isthmus_mount_operations_total', 'Operations on a mount, by result.', [
    'mount',
    'operation',
    'result',
  ]);
  const durations = meter.histogram(
    'isthmus_mount_operation_duration_seconds',
    'Time until a mount answered; for bodies and listings, until they were open.',
    ['mount', 'operation'],
  );
  const bytes = meter.counter('isthmus_mount_bytes_total', 'Content read from and written to a mount.', [
    'mount',
    'direction',
  ]);
  const handles = meter.gauge('isthmus_mount_open_handles', 'Files held open at a mount.', ['mount']);
  const state = meter.gauge(
    'isthmus_mount_breaker_state',
    'Circuit breaker of a mount: 0 closed, 1 half-open, 2 open.',
    ['mount'],
  );
  // The series begin now; several drivers may share a name (one for each home), so nothing is set back.
  state.add([mount], 0);
  handles.add([mount], 0);
  breaker.onState((now) => state.set([mount], STATES[now.breaker]));

  return ({ name, shape, length }) => {
    let bodyFailed = false;
    let counted = true;
    let opened = false;
    const count = (result: string): void => {
      if (counted) return;
      counted = true;
      operations.add([mount, name, result]);
    };
    return {
      async call(next) {
        counted = false;
        const began = clock.now();
        try {
          const value = await next();
          if (name === 'read' && typeof value === 'number') bytes.add([mount, 'read'], value);
          else if (name === 'write') bytes.add([mount, 'written'], length);
          if (shape === 'handle') {
            opened = true;
            handles.add([mount], 1);
            count('ok');
          }
          return value;
        } finally {
          durations.observe([mount, name], (clock.now() - began) / 1000);
        }
      },
      async pull(next) {
        const result = await next();
        if (!result.done && result.value instanceof Uint8Array) bytes.add([mount, 'read'], result.value.length);
        return result;
      },
      async feed(next) {
        try {
          const result = await next();
          if (!result.done) bytes.add([mount, 'written'], result.value.length);
          return result;
        } catch (error) {
          bodyFailed = true;
          throw error;
        }
      },
      end(error) {
        if (opened) handles.add([mount], -1);
        count(error === undefined ? 'ok' : bodyFailed ? 'body' : isVfsError(error) ? error.code : 'EIO');
      },
    };
  };
}

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };
