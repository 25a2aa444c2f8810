import type { AccountEvents } from '../auth/account-events.js';
import type { PasswordHasher } from '../auth/password-hasher.js';
import { parsePublicKey } from '../auth/public-key.js';
import { parseUserName } from '../auth/user-name.js';
import { isVfsError, VfsError } from '../core/errors.js';
import type { Logger } from '../core/log.js';
import type { Secret } from '../core/secret.js';
import type { Store } from '../store/store.js';

/** A local user as listings show it. */
export interface UserReport {
  readonly name: string;
  readonly displayName: string | undefined;
  readonly admin: boolean;
  readonly disabled: boolean;
  readonly groups: readonly string[];
  /** How many public keys may sign in. */
  readonly keys: number;
  /** Whether a password may. */
  readonly password: boolean;
  readonly created: string;
}

/** A public key as listings show it. */
export interface KeyReport {
  readonly fingerprint: string;
  readonly type: string;
  readonly comment: string;
  readonly added: string;
}

export interface NewUser {
  readonly name: string;
  /** Absent: no sign-in with a password. */
  readonly password?: Secret | undefined;
  readonly admin?: boolean | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly displayName?: string | undefined;
}

/** What may be done with local users. Every change is told to the event bus, so that it reaches open sessions. */
export class UserAdmin {
  readonly #store: Store;
  readonly #hasher: PasswordHasher;
  readonly #events: AccountEvents;
  readonly #log: Logger;

  constructor(store: Store, hasher: PasswordHasher, events: AccountEvents, log: Logger) {
    this.#store = store;
    this.#hasher = hasher;
    this.#events = events;
    this.#log = log;
  }

  /** @throws VfsError EEXIST when the name is taken, in whatever case; EINVAL for a name or password that cannot be */
  async add({ name, password, admin = false, groups = [], displayName }: NewUser): Promise<UserReport> {
    parseUserName(name);
    for (const group of groups) parseGroup(group);
    const hash = password === undefined ? null : await this.#hasher.hash(password);
    const user = {
      name,
      password: hash,
      admin,
      disabled: false,
      displayName: displayName ?? null,
      created: Date.now(),
    };
    try {
      await this.#store.users.add(user);
    } catch (error) {
      if (!isVfsError(error, 'EEXIST')) throw error;
      throw new VfsError('EEXIST', 'user add', name, { cause: error, detail: `there is a user ${name} already` });
    }
    if (groups.length > 0) await this.#store.groups.set(name, groups);
    this.#changed(name, 'user added');
    return this.get(name);
  }

  async passwd(name: string, password: Secret): Promise<void> {
    this.#row(name);
    if (!(await this.#store.users.setPassword(name, await this.#hasher.hash(password)))) throw unknown(name);
    this.#changed(name, 'password changed');
  }

  /** @throws VfsError EPERM when nobody could administrate any more */
  async change(name: string, flags: { readonly admin?: boolean; readonly disabled?: boolean }): Promise<UserReport> {
    if (flags.admin === false || flags.disabled === true) this.#keepAnAdmin(name);
    if (!(await this.#store.users.setFlags(parseUserName(name), flags))) throw unknown(name);
    this.#changed(name, 'user changed');
    return this.get(name);
  }

  list(): readonly UserReport[] {
    return this.#store.users.list().map(({ name }) => this.get(name));
  }

  get(name: string): UserReport {
    const row = this.#row(name);
    return {
      name,
      displayName: row.displayName ?? undefined,
      admin: row.admin,
      disabled: row.disabled,
      groups: this.#store.groups.of(name),
      keys: this.#store.sshKeys.of(name).length,
      password: row.password !== null,
      created: new Date(row.created).toISOString(),
    };
  }

  /** Removes the account, its groups and its keys. Its files stay where they are. */
  async remove(name: string): Promise<void> {
    this.#keepAnAdmin(name);
    if (!(await this.#store.users.remove(name))) throw unknown(name);
    this.#changed(name, 'user removed');
  }

  /** Makes these the groups of the user, and no others. */
  async setGroups(name: string, groups: readonly string[]): Promise<UserReport> {
    this.#row(name);
    for (const group of groups) parseGroup(group);
    await this.#store.groups.set(name, groups);
    this.#changed(name, 'groups changed');
    return this.get(name);
  }

  /** @param line  of an OpenSSH public key file */
  async addKey(name: string, line: string): Promise<KeyReport> {
    this.#row(name);
    const { line: key, fingerprint, comment } = parsePublicKey(line);
    try {
      await this.#store.sshKeys.add({ user: name, fingerprint, key, comment, created: Date.now() });
    } catch (error) {
      if (!isVfsError(error, 'EEXIST')) throw error;
      throw new VfsError('EEXIST', 'key add', name, {
        cause: error,
        detail: `${name} has the key ${fingerprint} already`,
      });
    }
    this.#changed(name, 'key added');
    return this.keys(name).find((one) => one.fingerprint === fingerprint)!;
  }

  keys(name: string): readonly KeyReport[] {
    this.#row(name);
    return this.#store.sshKeys.of(name).map(({ fingerprint, key, comment, created }) => ({
      fingerprint,
      type: key.split(' ', 1)[0]!,
      comment,
      added: new Date(created).toISOString(),
    }));
  }

  async removeKey(name: string, fingerprint: string): Promise<void> {
    this.#row(name);
    if (!(await this.#store.sshKeys.remove(name, fingerprint)))
      throw new VfsError('ENOENT', 'key remove', name, { detail: `${name} has no key ${fingerprint.slice(0, 100)}` });
    this.#changed(name, 'key removed');
  }

  #row(name: string) {
    const row = this.#store.users.find(parseUserName(name));
    if (row === undefined) throw unknown(name);
    return row;
  }

  #keepAnAdmin(name: string): void {
    if (!this.#row(name).admin) return;
    const others = this.#store.users.list().filter((user) => user.admin && !user.disabled && user.name !== name);
    if (others.length === 0)
      throw new VfsError('EPERM', 'user', name, {
        detail: `${name} is the last administrator; make another one first`,
      });
  }

  #changed(name: string, what: string): void {
    this.#log.info({ user: name }, what);
    this.#events.changed(name);
  }
}

/** Group names follow the rule of user names. */
function parseGroup(name: string): void {
  try {
    parseUserName(name);
  } catch (cause) {
    throw new VfsError('EINVAL', 'group', 'group', {
      cause,
      detail: 'a group name has 1 to 64 letters, digits, or . _ - @, and begins with a letter or digit',
    });
  }
}

function unknown(name: string): VfsError {
  return new VfsError('ENOENT', 'user', name, { detail: `there is no local user ${name}` });
}
