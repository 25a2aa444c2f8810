import type { Connection } from './connection.js';
import { query } from './schema.js';
import type { Writer } from './writer.js';

/** A row of `sshKeys`. */
export interface SshKeyRow {
  readonly user: string;
  /** `SHA256:…`, as `ssh-keygen -l` shows it. */
  readonly fingerprint: string;
  /** `ssh-ed25519 AAAA…`, nothing else. */
  readonly key: string;
  readonly comment: string;
  /** ms since 1970 */
  readonly created: number;
}

/** `sshKeys`: public keys that may sign in as a user. */
export class SshKeys {
  readonly #reader: Connection;
  readonly #writer: Writer;

  constructor(reader: Connection, writer: Writer) {
    this.#reader = reader;
    this.#writer = writer;
  }

  of(user: string): readonly SshKeyRow[] {
    return this.#reader.all<SshKeyRow>(
      'SELECT user, fingerprint, key, comment, created FROM sshKeys WHERE user = ? ORDER BY created, fingerprint',
      [user],
    );
  }

  /** @throws VfsError EEXIST when the user has that key, ENOENT when there is no such user */
  async add(row: SshKeyRow): Promise<void> {
    await this.#writer.write('key add', query.insertInto('sshKeys').values(row).compile());
  }

  /** @returns whether the user had that key */
  async remove(user: string, fingerprint: string): Promise<boolean> {
    const remove = query.deleteFrom('sshKeys').where('user', '=', user).where('fingerprint', '=', fingerprint);
    return (await this.#writer.write('key remove', remove.compile()))[0] === 1;
  }
}
