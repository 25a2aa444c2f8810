import type { Connection } from './connection.js';
import type { Writer } from './writer.js';

/** `settings`: single values that belong to the node and are not configuration. */
export class Settings {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  get(key: string): string | undefined {
    return this.#reader.get<{ value: string }>('SELECT value FROM settings WHERE key = ?', [key])?.value;
  }

  async set(key: string, value: string): Promise<void> {
    await this.#writer.write('setting', {
      sql: 'INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      parameters: [key, value],
    });
  }

  async remove(key: string): Promise<void> {
    await this.#writer.write('setting', { sql: 'DELETE FROM settings WHERE key = ?', parameters: [key] });
  }
}
