import type { Connection } from './connection.js';
import { query } from './schema.js';
import type { Writer } from './writer.js';

/** `memberships`: which local user is in which groups. A group exists while it has a member. */
export class Groups {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  of(user: string): readonly string[] {
    return this.#reader
      .all<{ group: string }>('SELECT "group" FROM memberships WHERE user = ? ORDER BY "group"', [user])
      .map(({ group }) => group);
  }

  /** Makes `groups` the groups of `user`, all of them. @throws VfsError ENOENT when there is no such user */
  async set(user: string, groups: readonly string[]): Promise<void> {
    const rows = [...new Set(groups)].map((group) => ({ user, group }));
    const clear = query.deleteFrom('memberships').where('user', '=', user).compile();
    const add = rows.map((row) => query.insertInto('memberships').values(row).compile());
    await this.#writer.write('user groups', clear, ...add);
  }
}
