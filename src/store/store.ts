import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../core/log.js';
import { Connection } from './connection.js';
import { type EngineName, loadEngine } from './engine.js';
import { Groups } from './groups.js';
import { SqlLocks } from './locks.js';
import { SqlProperties } from './properties.js';
import { SealedCredentials } from './sealed-credentials.js';
import { Settings } from './settings.js';
import { SshKeys } from './ssh-keys.js';
import { openingError, StoreError } from './store-error.js';
import { Users } from './users.js';
import { ThreadWriter } from './writer.js';

/** Locks that ended longer ago than this are forgotten at start; a clock that jumped a little costs nobody a lock. */
const FORGET_LOCKS_MS = 24 * 60 * 60 * 1000;

/**
 * The database, table by table. Look-ups are synchronous on a read-only connection; writes resolve once they are on
 * the disk, and every look-up from then on sees them.
 */
export interface Store {
  readonly file: string;
  readonly engine: EngineName;
  readonly users: Users;
  readonly groups: Groups;
  readonly sshKeys: SshKeys;
  readonly locks: SqlLocks;
  readonly properties: SqlProperties;
  readonly settings: Settings;
  readonly credentials: SealedCredentials;
  /** Finishes what was asked for and closes the file. Safe to call twice. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** The SQLite file; created when it is missing, its folder is not. */
  readonly file: string;
  readonly log: Logger;
  /** For tests: this library and no other. */
  readonly engine?: EngineName;
}

/**
 * Opens the database, brings its schema up to date and checks it.
 * @throws StoreError when it is damaged, of a newer release, of another program, on a full or read-only disk, …
 */
export async function openStore({ file, log, engine: wanted }: StoreOptions): Promise<Store> {
  const engine = loadEngine(wanted);
  if (engine.name === 'libsql' && wanted === undefined) {
    log.info({ engine: engine.name }, 'better-sqlite3 is not compiled here; libsql takes its place');
  }
  checkPlace(file);
  const writer = await ThreadWriter.open({ file, engine: engine.name }, log);
  let reader: Connection;
  try {
    reader = new Connection(engine, file, { readOnly: true, busyTimeout: 1_000 });
  } catch (error) {
    await writer.close();
    throw openingError(error, file);
  }
  const locks = new SqlLocks(reader, writer);
  // Not worth a failed start: a full disk still serves reads.
  locks.forget(Date.now() - FORGET_LOCKS_MS).catch((err: unknown) => log.warn({ err }, 'old locks were not forgotten'));
  let closed: Promise<void> | undefined;
  return {
    file,
    engine: engine.name,
    users: new Users(reader, writer),
    groups: new Groups(reader, writer),
    sshKeys: new SshKeys(reader, writer),
    locks,
    properties: new SqlProperties(reader, writer),
    settings: new Settings(reader, writer),
    credentials: new SealedCredentials(reader, writer),
    close() {
      // The reader stays until the last write has resolved: tables look at it then.
      closed ??= writer.close().finally(() => reader.close());
      return closed;
    },
  };
}

/** Tells apart what SQLite calls "unable to open database file" for all of them. */
function checkPlace(file: string): void {
  try {
    if (!statSync(dirname(file)).isDirectory())
      throw new StoreError('missing', `${dirname(file)}: not a folder; the database needs one`);
    accessSync(dirname(file), constants.W_OK);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() === false)
      throw new StoreError('failed', `${file}: not a regular file; name another under database:`);
    // SQLite opens a file that it may not write all the same, and the first user to change something would notice.
    if (found !== undefined) accessSync(file, constants.W_OK);
  } catch (error) {
    throw openingError(error, file);
  }
}
