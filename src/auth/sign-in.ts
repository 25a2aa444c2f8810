import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { isVfsError, VfsError } from '../core/errors.js';
import type { Logger } from '../core/log.js';
import type { Counter, Histogram, Meter } from '../core/meter.js';
import type { Secret } from '../core/secret.js';
import type { AccountEvents } from './account-events.js';
import type { Authenticator, Origin } from './authenticator.js';
import type { Principal } from './principal.js';
import { Remembered } from './remembered.js';
import type { Account, AuthSource } from './source.js';
import { Throttle } from './throttle.js';
import { isUserName } from './user-name.js';

export interface SignInOptions {
  /** Asked in this order. A name belongs to the first source that knows it: a later one cannot let somebody in
   *  under the name of another's account, disabled or not. */
  readonly sources: readonly AuthSource[];
  readonly events: AccountEvents;
  readonly log: Logger;
  readonly meter: Meter;
  /** A monotonic clock, ms; for tests. */
  readonly now?: () => number;
}

/** The way in, for every front end. */
export class SignIn implements Authenticator {
  readonly #sources: readonly AuthSource[];
  readonly #log: Logger;
  readonly #remembered: Remembered;
  readonly #throttle: Throttle;
  readonly #underway = new Map<string, Promise<Principal | undefined>>();
  /** Asked about in place of names that cannot exist, so that those cost what an unknown user costs. */
  readonly #nobody = `nobody-${randomBytes(16).toString('hex')}`;
  readonly #count: Counter;
  readonly #duration: Histogram;
  /** Counts account events: what was verified before one is not remembered after it. */
  #changes = 0;

  constructor({ sources, events, log, meter, now }: SignInOptions) {
    this.#sources = sources;
    this.#log = log;
    this.#remembered = new Remembered(now);
    this.#throttle = new Throttle(now);
    this.#count = meter.counter('isthmus_signins_total', 'Sign-ins by front end and result.', ['door', 'result']);
    this.#duration = meter.histogram('isthmus_signin_duration_seconds', 'Time a sign-in took.', ['door']);
    events.onChange((name) => {
      this.#changes += 1;
      this.#remembered.forget(name);
    });
  }

  async password(name: string, password: Secret, origin: Origin): Promise<Principal | undefined> {
    const started = performance.now();
    try {
      const principal = await this.#password(name, password, origin);
      this.#count.add([origin.door, principal === undefined ? 'refused' : 'accepted']);
      return principal;
    } catch (error) {
      const throttled = isVfsError(error, 'EAGAIN');
      this.#count.add([origin.door, throttled ? 'throttled' : 'unavailable']);
      const fields = { door: origin.door, address: origin.address, err: error };
      // Who is throttled decides how many lines that would be.
      if (throttled) this.#log.debug(fields, 'sign-in throttled');
      else this.#log.warn(fields, 'sign-in not possible now');
      throw error;
    } finally {
      this.#duration.observe([origin.door], (performance.now() - started) / 1000);
    }
  }

  async publicKey(name: string, key: Uint8Array, origin: Origin): Promise<Principal | undefined> {
    if (!isUserName(name) || key.length === 0) return undefined;
    const found = await this.#owner(name);
    if (found === undefined || found.account.disabled) return undefined;
    const lines = await found.source.publicKeys(name);
    if (!lines.some((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64').equals(key))) return undefined;
    this.#count.add([origin.door, 'accepted']);
    return toPrincipal(found.account);
  }

  async current(principal: Principal): Promise<Principal | undefined> {
    const account = (await this.#owner(principal.name))?.account;
    return account === undefined || account.disabled ? undefined : toPrincipal(account);
  }

  async #password(name: string, password: Secret, origin: Origin): Promise<Principal | undefined> {
    // An LDAP bind without a password succeeds as nobody in particular (RFC 4513 §5.1.2; lesson 20).
    if (name === '' || password.reveal() === '') return undefined;
    const valid = isUserName(name);
    const asked = valid ? name : this.#nobody;
    const key = this.#remembered.key(asked, password);
    const remembered = this.#remembered.get(key);
    if (remembered !== undefined) return valid ? remembered : undefined;
    // Clients open several connections at once with one password: that is one attempt.
    const joint = `${origin.address} ${key}`;
    let answer = this.#underway.get(joint);
    if (answer === undefined) {
      answer = this.#attempt(asked, password, key, origin).finally(() => this.#underway.delete(joint));
      this.#underway.set(joint, answer);
    }
    return valid ? answer : answer.then(() => undefined);
  }

  async #attempt(name: string, password: Secret, key: string, origin: Origin): Promise<Principal | undefined> {
    const attempt = this.#throttle.begin(origin.address, name, key);
    const changes = this.#changes;
    let account: Account | undefined;
    try {
      account = await this.#verify(name, password);
    } catch (error) {
      attempt.cancelled();
      throw error;
    }
    if (account === undefined) {
      attempt.failed();
      // Names of nobody are not logged: people type their password there by mistake.
      const known = name !== this.#nobody && (await this.#owner(name).catch(() => undefined)) !== undefined;
      this.#log.info({ door: origin.door, address: origin.address, user: known ? name : undefined }, 'sign-in refused');
      return undefined;
    }
    attempt.succeeded();
    const principal = toPrincipal(account);
    if (changes === this.#changes) this.#remembered.set(key, principal);
    this.#log.info({ door: origin.door, address: origin.address, user: principal.name }, 'signed in');
    return principal;
  }

  async #verify(name: string, password: Secret): Promise<Account | undefined> {
    let failure: VfsError | undefined;
    for (const [at, source] of this.#sources.entries()) {
      let account: Account | undefined;
      try {
        account = await source.verify(name, password);
      } catch (error) {
        failure = this.#cannotTell(source, error, failure);
        continue;
      }
      if (account === undefined) continue;
      if (account.disabled || !isUserName(account.name)) return undefined;
      const owner = await this.#owner(account.name, this.#sources.slice(0, at)).catch(() => undefined);
      return owner === undefined ? account : undefined;
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  /** The first source that knows the name. @throws VfsError when one cannot tell and none knows it */
  async #owner(
    name: string,
    sources = this.#sources,
  ): Promise<{ readonly source: AuthSource; readonly account: Account } | undefined> {
    let failure: VfsError | undefined;
    for (const source of sources) {
      try {
        const account = await source.find(name);
        if (account !== undefined) return { source, account };
      } catch (error) {
        failure = this.#cannotTell(source, error, failure);
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }

  #cannotTell(source: AuthSource, error: unknown, before: VfsError | undefined): VfsError {
    this.#log.warn({ source: source.name, err: error }, 'a source of users does not answer');
    if (before !== undefined) return before;
    if (isVfsError(error, 'EAGAIN')) return error;
    return new VfsError('EUNAVAILABLE', 'sign-in', 'account', {
      cause: error,
      detail: `the users of ${source.name} cannot be asked now`,
    });
  }
}

function toPrincipal({ name, groups, admin }: Account): Principal {
  return Object.freeze({ name, groups: Object.freeze([...groups]), admin });
}
