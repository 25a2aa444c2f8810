import type { Call } from '../core/bytes.js';
import type { Logger } from '../core/log.js';
import type { Secret } from '../core/secret.js';
import type { Store } from '../store/store.js';
import type { UserRow } from '../store/users.js';
import type { PasswordHasher } from './password-hasher.js';
import type { Account, AuthSource } from './source.js';
import { isUserName } from './user-name.js';

/** The users of our own table. */
export class LocalSource implements AuthSource {
  readonly name = 'local';
  readonly #store: Pick<Store, 'users' | 'groups' | 'sshKeys'>;
  readonly #hasher: PasswordHasher;
  readonly #log: Logger;

  constructor(store: Pick<Store, 'users' | 'groups' | 'sshKeys'>, hasher: PasswordHasher, log: Logger) {
    this.#store = store;
    this.#hasher = hasher;
    this.#log = log;
  }

  async verify(name: string, password: Secret, call?: Call): Promise<Account | undefined> {
    if (name === '' || password.reveal() === '') return undefined;
    const user = isUserName(name) ? this.#store.users.find(name) : undefined;
    const hash = user?.password ?? undefined;
    const right = await this.#hasher.verify(hash, password, call);
    if (!right || user === undefined || hash === undefined || user.disabled) return undefined;
    if (this.#hasher.outdated(hash)) await this.#rehash(user.name, hash, password);
    return this.#account(user);
  }

  async find(name: string): Promise<Account | undefined> {
    const user = isUserName(name) ? this.#store.users.find(name) : undefined;
    return user === undefined ? undefined : this.#account(user);
  }

  async *list(): AsyncIterable<Account> {
    for (const user of this.#store.users.list()) yield this.#account(user);
  }

  async publicKeys(name: string): Promise<readonly string[]> {
    return isUserName(name) ? this.#store.sshKeys.of(name).map(({ key }) => key) : [];
  }

  /** Signing in must not fail for want of a better hash. */
  async #rehash(name: string, from: string, password: Secret): Promise<void> {
    try {
      await this.#store.users.rehash(name, from, await this.#hasher.hash(password));
      this.#log.info({ user: name }, 'password hash brought up to date');
    } catch (err) {
      this.#log.warn({ user: name, err }, 'password hash could not be brought up to date');
    }
  }

  #account(user: UserRow): Account {
    return {
      name: user.name,
      groups: this.#store.groups.of(user.name),
      admin: user.admin,
      disabled: user.disabled,
      displayName: user.displayName ?? undefined,
    };
  }
}
