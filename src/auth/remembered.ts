import { createHmac, randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Secret } from '../core/secret.js';
import { BoundedMap } from './bounded-map.js';
import type { Principal } from './principal.js';

/** How long a verified password is taken without asking its source again, ms. */
const VALID = 60_000;
const KEPT = 10_000;

/**
 * Passwords that were right a moment ago: WebDAV clients send theirs with each request, and 20 ms of argon2 for each
 * would be the price of every small file. Holds no password and nothing that could be tried against a guess
 * elsewhere: the key is an HMAC under a secret of this process.
 */
export class Remembered {
  readonly #pepper = randomBytes(32);
  readonly #now: () => number;
  readonly #entries = new BoundedMap<string, { readonly principal: Principal; readonly at: number }>(KEPT);

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** What stands for this pair. @param name  a valid user name: it holds no NUL */
  key(name: string, password: Secret): string {
    return createHmac('sha256', this.#pepper).update(`${name}\0${password.reveal()}`).digest('base64');
  }

  get(key: string): Principal | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const age = this.#now() - entry.at;
    if (age >= 0 && age < VALID) return entry.principal;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, principal: Principal): void {
    this.#entries.set(key, { principal, at: this.#now() });
  }

  forget(name: string): void {
    this.#entries.deleteWhere(({ principal }) => principal.name === name);
  }
}
