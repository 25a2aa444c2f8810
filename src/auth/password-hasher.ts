import { randomBytes } from 'node:crypto';
import { hash, type Options, verify } from '@node-rs/argon2';
import type { Call } from '../core/bytes.js';
import { VfsError } from '../core/errors.js';
import type { Secret } from '../core/secret.js';

/** What a hash costs: memory in KiB, passes, lanes. The default is OWASP's first choice of 2024, 20 ms here. */
export interface HashCost {
  readonly memoryCost: number;
  readonly timeCost: number;
  readonly parallelism: number;
}

const COST: HashCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** `Algorithm.Argon2id`, whose declaration is an ambient const enum. */
const ARGON2ID = 2;
/** Computations at once: each holds a thread of libuv's pool, which file I/O needs too, and 19 MiB. */
const AT_ONCE = 2;
/** Computations that may wait: about five seconds of work. */
const WAITING = 256;
/** Longest password in bytes; a longer one is wrong. Bounds what a stranger can make us hash. */
export const PASSWORD_MAX = 4096;

/**
 * argon2id (RFC 9106) with a bounded number of computations at once. Passwords are compared in NFC, since keyboards
 * differ in what they send for `é` (RFC 8265 §4.2.1).
 */
export class PasswordHasher {
  readonly #options: Options;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #computed = 0;
  readonly #standIn: Promise<string>;

  constructor(cost: HashCost = COST) {
    this.#options = { algorithm: ARGON2ID, ...cost };
    // At once and not counted: made at the first refusal, that one would take twice as long.
    this.#standIn = hash(randomBytes(32), this.#options);
  }

  /** How many hashes were computed so far: equal work for every refusal is proved with it. */
  get computed(): number {
    return this.#computed;
  }

  /** @returns the hash in PHC form, salt and cost included
   *  @throws VfsError EINVAL for an empty or overlong password, EAGAIN when too many wait */
  async hash(password: Secret, call?: Call): Promise<string> {
    const bytes = prepare(password);
    if (bytes.length === 0 || bytes.length > PASSWORD_MAX) {
      throw new VfsError('EINVAL', 'password', 'password', {
        detail: `a password has 1 to ${PASSWORD_MAX} bytes`,
      });
    }
    return this.#run(() => hash(bytes, this.#options), call);
  }

  /**
   * Whether `password` is the one of `hashed`. With `undefined` it takes as long and says no: nobody learns from the
   * clock which users exist.
   * @throws VfsError EAGAIN when too many wait, EIO when `hashed` is no argon2 hash
   */
  async verify(hashed: string | undefined, password: Secret, call?: Call): Promise<boolean> {
    const bytes = prepare(password);
    const fits = bytes.length > 0 && bytes.length <= PASSWORD_MAX;
    const against = hashed ?? (await this.#standIn);
    const right = await this.#run(() => verify(against, fits ? bytes : Buffer.alloc(1)), call);
    return right && fits && hashed !== undefined;
  }

  /** Whether `hashed` was made at another cost than today's. */
  outdated(hashed: string): boolean {
    const { memoryCost, timeCost, parallelism } = this.#options;
    return !hashed.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
  }

  async #run<T>(compute: () => Promise<T>, call: Call | undefined): Promise<T> {
    if (this.#running >= AT_ONCE) await this.#turn(call);
    else this.#running += 1;
    try {
      this.#computed += 1;
      return await compute();
    } catch (cause) {
      throw new VfsError('EIO', 'password', 'password', { cause, detail: 'the stored hash is not readable' });
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Waits until a place is handed over; the count stays as it is. */
  #turn(call: Call | undefined): Promise<void> {
    if (this.#waiting.length >= WAITING) {
      return Promise.reject(new VfsError('EAGAIN', 'password', 'password', { detail: 'too many sign-ins at once' }));
    }
    return new Promise((resolve, reject) => {
      const signal = call?.signal;
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(new VfsError('ECANCELED', 'password', 'password'));
      };
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      if (signal?.aborted === true) {
        reject(new VfsError('ECANCELED', 'password', 'password'));
        return;
      }
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(enter);
    });
  }
}

function prepare(password: Secret): Buffer {
  const text = password.reveal();
  // Normalising first what is far too long would be work for nothing.
  return Buffer.from(text.length > PASSWORD_MAX ? text.slice(0, PASSWORD_MAX + 1) : text.normalize('NFC'));
}
