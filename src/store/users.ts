import type { Connection } from './connection.js';
import type { Writer } from './writer.js';

/** A row of `users`. Groups and keys have tables of their own. */
export interface UserRow {
  readonly name: string;
  /** argon2 in PHC form; null: no sign-in with a password. */
  readonly password: string | null;
  readonly admin: boolean;
  readonly disabled: boolean;
  readonly displayName: string | null;
  /** ms since 1970 */
  readonly created: number;
}

type Stored = Omit<UserRow, 'admin' | 'disabled'> & { readonly admin: number; readonly disabled: number };

const COLUMNS = 'name, password, admin, disabled, displayName, created';
const INSERT = `INSERT INTO users (${COLUMNS})`;

/** `users`: who may sign in by our own word. Names are unique whatever their case, and found by their exact case. */
export class Users {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  find(name: string): UserRow | undefined {
    const row = this.#reader.get<Stored>(`SELECT ${COLUMNS} FROM users WHERE name = ?`, [name]);
    return row === undefined ? undefined : toUser(row);
  }

  list(): readonly UserRow[] {
    return this.#reader.all<Stored>(`SELECT ${COLUMNS} FROM users ORDER BY name`).map(toUser);
  }

  get any(): boolean {
    return this.#reader.get('SELECT 1 FROM users LIMIT 1') !== undefined;
  }

  /** @throws VfsError EEXIST when a user has that name, in whatever case */
  async add(user: UserRow): Promise<void> {
    await this.#writer.write('user add', { sql: `${INSERT} VALUES (?, ?, ?, ?, ?, ?)`, parameters: values(user) });
  }

  /** Adds the user if there is none at all; returns whether it did. */
  async addFirst(user: UserRow): Promise<boolean> {
    const [added] = await this.#writer.write('user add', {
      sql: `${INSERT} SELECT ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM users)`,
      parameters: values(user),
    });
    return added === 1;
  }

  /** @returns whether there is such a user */
  async setPassword(name: string, password: string | null): Promise<boolean> {
    const [changed] = await this.#writer.write('user passwd', {
      sql: 'UPDATE users SET password = ? WHERE name = ?',
      parameters: [password, name],
    });
    return changed === 1;
  }

  /** Replaces a hash by another of the same password, unless the password was changed meanwhile. */
  async rehash(name: string, from: string, to: string): Promise<void> {
    await this.#writer.write('user rehash', {
      sql: 'UPDATE users SET password = ? WHERE name = ? AND password = ?',
      parameters: [to, name, from],
    });
  }

  /** @returns whether there is such a user */
  async setFlags(name: string, flags: { readonly admin?: boolean; readonly disabled?: boolean }): Promise<boolean> {
    const [changed] = await this.#writer.write('user change', {
      sql: 'UPDATE users SET admin = coalesce(?, admin), disabled = coalesce(?, disabled) WHERE name = ?',
      parameters: [flags.admin, flags.disabled, name],
    });
    return changed === 1;
  }

  /** Removes the user with its memberships and keys; returns whether there was one. */
  async remove(name: string): Promise<boolean> {
    const [removed] = await this.#writer.write('user remove', {
      sql: 'DELETE FROM users WHERE name = ?',
      parameters: [name],
    });
    return removed === 1;
  }
}

function toUser(row: Stored): UserRow {
  return { ...row, admin: row.admin !== 0, disabled: row.disabled !== 0 };
}

function values(user: UserRow): readonly unknown[] {
  return [user.name, user.password, user.admin, user.disabled, user.displayName, user.created];
}
