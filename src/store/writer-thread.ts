import { parentPort, workerData } from 'node:worker_threads';
import { Connection } from './connection.js';
import { loadEngine } from './engine.js';
import { migrate } from './migrate.js';
import { migrations } from './migrations/index.js';
import { codeOf, openingError } from './store-error.js';
import type { Failure, Job, Outcome, ThreadData, ToMain, ToThread } from './writer.js';

/*
 * The thread that holds the only writing connection: commits, checkpoints and their fsyncs stall here and not in the
 * event loop that carries requests.
 */

const port = parentPort!;
const { file, engine } = workerData as ThreadData;

function open(): Connection {
  const connection = new Connection(loadEngine(engine), file, { readOnly: false, busyTimeout: 5_000 });
  try {
    // Acknowledged means kept: every commit is on the disk before its promise resolves.
    connection.pragma('journal_mode = WAL');
    connection.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 16777216');
    migrate(connection, file, migrations());
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Runs a group of jobs in one transaction, so that writes that arrive together share one fsync; each job is atomic
 *  on its own and fails on its own. */
function perform(connection: Connection, jobs: readonly Job[]): readonly Outcome[] {
  try {
    return connection.transaction(() => jobs.map((job) => performOne(connection, job)));
  } catch (error) {
    const failure = toFailure(error);
    return jobs.map(() => failure);
  }
}

function performOne(connection: Connection, job: Job): Outcome {
  connection.exec('SAVEPOINT job');
  try {
    const changes = job.map(({ sql, parameters }) => connection.run(sql, parameters));
    connection.exec('RELEASE job');
    return { changes };
  } catch (error) {
    // Without a transaction SQLite has rolled back the whole group: nobody's write was kept.
    if (!connection.inTransaction) throw error;
    connection.exec('ROLLBACK TO job; RELEASE job');
    return toFailure(error);
  }
}

/** The reader is still open, and could not do it when it closes last. On a full disk the log stays, for the next start. */
function checkpoint(connection: Connection): void {
  try {
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } catch {
    // Nothing is lost: what was acknowledged is in the log.
  }
}

function toFailure(error: unknown): Failure {
  return { code: codeOf(error), message: error instanceof Error ? error.message : String(error) };
}

function send(message: ToMain): void {
  port.postMessage(message);
}

try {
  const connection = open();
  port.on('message', (message: ToThread) => {
    if (message === 'close') {
      checkpoint(connection);
      connection.close();
      port.close();
    } else {
      send({ kind: 'done', outcomes: perform(connection, message) });
    }
  });
  send({ kind: 'open' });
} catch (error) {
  const { reason, message } = openingError(error, file);
  send({ kind: 'refused', reason, message });
  port.close();
}
