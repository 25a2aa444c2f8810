import { closeSync, openSync, statSync } from 'node:fs';
import type { Engine, EngineName, NativeDatabase, NativeStatement } from './engine.js';

/** A statement with the values for its `?`. What Kysely compiles is one. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export interface ConnectionOptions {
  readonly readOnly: boolean;
  /** How long to wait for another connection's lock, ms. */
  readonly busyTimeout: number;
}

/** Prepared statements that are kept; the rooms have fewer, so only unusual admin queries are prepared anew. */
const KEPT_STATEMENTS = 200;

/**
 * One connection to an SQLite file, alike over both libraries. libsql 0.5.29 differs from better-sqlite3 thus, and
 * this class is why nobody else has to know (test/store/connection.test.ts):
 *
 * - it ignores `readonly` and `fileMustExist`: we set `query_only` and look at the file ourselves;
 * - `get` adds a `_metadata` column, as does `pragma(…, { simple: true })`: we use `all` only;
 * - `all` gives a blob as ArrayBuffer: made a Buffer here;
 * - binding one lone Buffer, a boolean or null outside of an array ends the process: we always bind an array, and
 *   booleans are made numbers here;
 * - it reads text up to its first NUL: no text of ours may hold one;
 * - `close` leaves the file open until the statements are collected as garbage; a transaction is ended before it;
 * - its `transaction` rolls back even when SQLite did already, and throws for it: ours looks first.
 */
export class Connection {
  readonly #engine: EngineName;
  readonly #database: NativeDatabase;
  readonly #statements = new Map<string, NativeStatement>();

  /**
   * Opens `file`; a missing one is created with mode 0600 unless `readOnly`.
   * @throws SqliteError, as every method here, or what the file system throws
   */
  constructor(engine: Engine, file: string, options: ConnectionOptions) {
    this.#engine = engine.name;
    if (options.readOnly) statSync(file);
    else createPrivate(file);
    this.#database = native(() => engine.open(file, { readonly: options.readOnly, timeout: options.busyTimeout }));
    if (options.readOnly) this.exec('PRAGMA query_only = ON');
  }

  all<Row>(sql: string, parameters: readonly unknown[] = []): Row[] {
    const rows = native(() => this.#prepared(sql).all(bound(parameters)));
    if (this.#engine === 'libsql') rows.forEach(toBuffers);
    return rows as Row[];
  }

  /** The first row. */
  get<Row>(sql: string, parameters: readonly unknown[] = []): Row | undefined {
    return this.all<Row>(sql, parameters)[0];
  }

  /** @returns how many rows changed */
  run(sql: string, parameters: readonly unknown[] = []): number {
    return native(() => this.#prepared(sql).run(bound(parameters)).changes);
  }

  /** Runs SQL without values; several statements are allowed. */
  exec(sql: string): void {
    native(() => this.#database.exec(sql));
  }

  /** The single value of a PRAGMA. */
  pragma(name: string): unknown {
    const row = native(() => this.#database.prepare(`PRAGMA ${name}`).all([])[0]);
    return row === undefined ? undefined : Object.values(row as object)[0];
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /** Runs `work` between BEGIN IMMEDIATE and COMMIT; rolls back when it throws. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      // A full disk or an I/O error makes SQLite roll back by itself.
      if (this.inTransaction) this.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepared(sql: string): NativeStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      if (this.#statements.size >= KEPT_STATEMENTS) this.#statements.clear();
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** An error of SQLite. What the libraries throw is no native Error: it prints and clones badly. */
export class SqliteError extends Error {
  override readonly name = 'SqliteError';
  /** `SQLITE_FULL`, …; empty where the library gives none. */
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

function native<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { message, code } = error as { message?: unknown; code?: unknown };
    throw new SqliteError(String(message), typeof code === 'string' ? code : '');
  }
}

function toBuffers(row: unknown): void {
  const columns = row as Record<string, unknown>;
  for (const [name, value] of Object.entries(columns)) {
    if (value instanceof ArrayBuffer) columns[name] = Buffer.from(value);
  }
}

function bound(parameters: readonly unknown[]): readonly unknown[] {
  return parameters.some(needsForm) ? parameters.map(form) : parameters;
}

function needsForm(value: unknown): boolean {
  return typeof value === 'boolean' || value === undefined || (value instanceof Uint8Array && !Buffer.isBuffer(value));
}

function form(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return value;
}

/** SQLite would create it as 0644. Never opens a file that exists: closing it would drop the locks that another
 *  connection of this process holds on it (fcntl(2)). */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
