import type { Connection } from './connection.js';
import type { LockRow, LockTable } from './tables.js';
import type { Writer } from './writer.js';

/** `locks`: one row for each WebDAV lock, so that locks outlive a restart. */
export class SqlLocks implements LockTable {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  all(now: number): readonly LockRow[] {
    return this.#reader
      .all<Omit<LockRow, 'deep'> & { deep: number }>(
        'SELECT token, space, path, scope, deep, holder, owner, expires FROM locks WHERE expires > ?',
        [now],
      )
      .map((row) => ({ ...row, deep: row.deep !== 0 }));
  }

  async put(row: LockRow): Promise<void> {
    await this.#writer.write('lock', {
      sql: `INSERT INTO locks (token, space, path, scope, deep, holder, owner, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (token) DO UPDATE SET space = excluded.space, path = excluded.path, scope = excluded.scope,
        deep = excluded.deep, holder = excluded.holder, owner = excluded.owner, expires = excluded.expires`,
      parameters: [row.token, row.space, row.path, row.scope, row.deep, row.holder, row.owner, Math.ceil(row.expires)],
    });
  }

  async remove(tokens: readonly string[]): Promise<void> {
    if (tokens.length === 0) return;
    const sql = 'DELETE FROM locks WHERE token = ?';
    await this.#writer.write('unlock', ...tokens.map((token) => ({ sql, parameters: [token] })));
  }

  /** Drops the rows of locks that ended before `time`: those that ended while the daemon was down. */
  async forget(time: number): Promise<void> {
    await this.#writer.write('unlock', { sql: 'DELETE FROM locks WHERE expires < ?', parameters: [time] });
  }
}
