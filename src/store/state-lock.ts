import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from './connection.js';
import { type EngineName, loadEngine } from './engine.js';
import { openingError, StoreError } from './store-error.js';

/** The right to use a state folder, held by one process. */
export interface StateLock {
  readonly folder: string;
  /** Gives it up. Safe to call twice. */
  release(): void;
}

/**
 * Takes a state folder for this process; a missing folder is made with mode 0700.
 *
 * The lock is an exclusive SQLite transaction on `daemon.lock`, that is, record locks (fcntl(2)): the kernel frees them when
 * the process ends, however it ends, so there is nothing stale to clean. Nobody may open that file by other means:
 * closing it would drop the lock. `daemon.pid` beside it only says who to name in the error.
 * @throws StoreError `busy` when a daemon has it
 */
export function lockState(folder: string, engine?: EngineName): StateLock {
  const file = join(folder, 'daemon.lock');
  const pidFile = join(folder, 'daemon.pid');
  let connection: Connection | undefined;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    connection = new Connection(loadEngine(engine), file, { readOnly: false, busyTimeout: 0 });
    connection.exec('BEGIN EXCLUSIVE');
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
    chmodSync(pidFile, 0o600);
  } catch (error) {
    connection?.close();
    const refusal = openingError(error, file);
    throw refusal.reason === 'busy' ? taken(folder, pidFile, error) : refusal;
  }
  let held: Connection | undefined = connection;
  return {
    folder,
    release() {
      if (held === undefined) return;
      rmSync(pidFile, { force: true });
      held.exec('ROLLBACK');
      held.close();
      held = undefined;
    },
  };
}

function taken(folder: string, pidFile: string, cause: unknown): StoreError {
  let pid = '';
  try {
    pid = /^\d+/.exec(readFileSync(pidFile, 'utf8'))?.[0] ?? '';
  } catch {
    // Between its lock and its pid file; the refusal stands without the number.
  }
  const who = pid === '' ? 'another isthmus' : `another isthmus (pid ${pid})`;
  return new StoreError('busy', `${folder}: in use by ${who}; stop that one, or give this one its own node.state`, {
    cause,
  });
}
