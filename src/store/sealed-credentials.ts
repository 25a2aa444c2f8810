import type { Connection } from './connection.js';
import type { Writer } from './writer.js';

/** `credentials`: what auth/vault.ts sealed; nothing here can open it. */
export class SealedCredentials {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  get(id: string): Buffer | undefined {
    return this.#reader.get<{ sealed: Buffer }>('SELECT sealed FROM credentials WHERE id = ?', [id])?.sealed;
  }

  /** The identities of all rows whose identity begins with `prefix`. */
  ids(prefix = ''): readonly string[] {
    return this.#reader
      .all<{ id: string }>('SELECT id FROM credentials WHERE substr(id, 1, length(?)) = ? ORDER BY id', [
        prefix,
        prefix,
      ])
      .map(({ id }) => id);
  }

  get any(): boolean {
    return this.#reader.get('SELECT 1 FROM credentials LIMIT 1') !== undefined;
  }

  /** @param now  ms since 1970 */
  async put(id: string, sealed: Buffer, now: number): Promise<void> {
    await this.#writer.write('credentials', {
      sql: `INSERT INTO credentials (id, sealed, changed) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed`,
      parameters: [id, sealed, now],
    });
  }

  /** @returns whether there was one */
  async remove(id: string): Promise<boolean> {
    const [removed] = await this.#writer.write('credentials', {
      sql: 'DELETE FROM credentials WHERE id = ?',
      parameters: [id],
    });
    return removed === 1;
  }
}
