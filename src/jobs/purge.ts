import type { Call } from '../core/bytes.js';
import type { Logger } from '../core/log.js';
import type { Job } from './job.js';

const DAY = 86_400_000;

export interface PurgeOptions {
  /** Storages that may hold temporary files of a daemon that was killed. */
  readonly mounts: () => readonly Purgeable[];
  /** Ends locks whose time is over; how many. */
  readonly locks: () => Promise<number>;
  readonly log: Logger;
}

export interface Purgeable {
  readonly at: string;
  /** Absent where the storage leaves nothing behind. */
  readonly purge?: ((olderThan: number, call?: Call) => Promise<number>) | undefined;
}

/**
 * Removes what nobody will come back for: temporary files older than a day on the storages, and locks that ended. A day,
 * because a temporary file may be another node's upload that still goes on.
 */
export function purgeJob({ mounts, locks, log }: PurgeOptions): Job {
  return {
    name: 'purge',
    schedule: '0 17 * * * *',
    atStart: true,
    async run(signal) {
      let files = 0;
      // One after the other: this is work that waits, not work that others wait for.
      for (const { at, purge } of mounts()) {
        if (signal.aborted) break;
        try {
          const removed = (await purge?.(Date.now() - DAY, { signal })) ?? 0;
          files += removed;
          if (removed > 0) log.info({ mount: at, removed }, 'temporary files of an earlier run removed');
        } catch (error) {
          log.debug({ mount: at, err: error }, 'temporary files were not removed this time');
        }
      }
      return { files, locks: await locks() };
    },
  };
}
