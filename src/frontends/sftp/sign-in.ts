import ssh2, {
  type AuthContext,
  type AuthenticationType,
  type PasswordAuthContext,
  type PublicKeyAuthContext,
} from 'ssh2';
import type { Authenticator, Origin } from '../../auth/authenticator.js';
import type { Principal } from '../../auth/principal.js';
import { VfsError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import { Secret } from '../../core/secret.js';
import { RSA_BITS_MIN, USER_KEY_TYPES } from './algorithms.js';
import { rsaBits } from './host-keys.js';

const METHODS: AuthenticationType[] = ['publickey', 'password'];
/** Longest password looked at; the packet bounds it at 35,000 bytes otherwise. */
const PASSWORD_MAX = 4096;

export interface SignInContext {
  readonly auth: Authenticator;
  readonly origin: Origin;
  readonly log: Logger;
  readonly triesMax: number;
  /** Called with the principal right before the client is told. */
  accepted(principal: Principal): void;
  /** Called for each refusal that counts. */
  refused(reason: string): void;
  /** Ends the connection: too many tries. */
  exhausted(): void;
}

/**
 * The sign-in of one connection (RFC 4252). It is asked for one request after another, and the client learns nothing from a
 * refusal but that it was one.
 */
export class SignIn {
  readonly #context: SignInContext;
  #failures = 0;

  constructor(context: SignInContext) {
    this.#context = context;
  }

  /** Never rejects. */
  async attempt(request: AuthContext): Promise<void> {
    const { origin, log, accepted } = this.#context;
    let principal: Principal | undefined;
    let reason = 'credentials';
    try {
      principal = await this.#principal(request);
    } catch (error) {
      reason = error instanceof VfsError ? error.code : 'EIO';
      if (reason === 'EIO') log.error({ error }, 'sftp sign-in failed: a fault of ours');
    }
    // Nobody is left to answer, and ssh2 throws when it is told to.
    if (origin.signal?.aborted) return;
    try {
      if (principal === undefined) {
        this.#refuse(request, reason);
        return;
      }
      // A bare question whether a key would do is answered by `accept` too, and signs nobody in (RFC 4252 §7).
      if (request.method !== 'publickey' || request.signature !== undefined) accepted(principal);
      request.accept();
    } catch (error) {
      log.debug({ error }, 'sftp sign-in could not be answered');
    }
  }

  async #principal(request: AuthContext): Promise<Principal | undefined> {
    switch (request.method) {
      case 'password':
        return await this.#password(request);
      case 'publickey':
        return await this.#publicKey(request);
      default:
        return undefined;
    }
  }

  async #password({ username, password }: PasswordAuthContext): Promise<Principal | undefined> {
    // A request to change the password arrives in the same place and is no string. An empty one never signs anybody in
    // (lesson 20).
    if (typeof password !== 'string' || password === '' || username === '' || password.length > PASSWORD_MAX) {
      return undefined;
    }
    const { auth, origin } = this.#context;
    return await auth.password(username, new Secret(password), origin);
  }

  async #publicKey(request: PublicKeyAuthContext): Promise<Principal | undefined> {
    const { username, key, signature, blob, hashAlgo } = request;
    if (username === '' || !USER_KEY_TYPES.has(key.algo)) return undefined;
    const parsed = ssh2.utils.parseKey(key.data);
    if (parsed instanceof Error || Array.isArray(parsed) || parsed.type !== key.algo) return undefined;
    if (key.algo === 'ssh-rsa') {
      // Without a hash this is the old `ssh-rsa`, which signs with SHA-1 (RFC 8332 §3).
      if (hashAlgo !== 'sha256' && hashAlgo !== 'sha512') return undefined;
      if (rsaBits(parsed) < RSA_BITS_MIN) return undefined;
    }
    if (signature !== undefined) {
      if (blob === undefined || parsed.verify(blob, signature, hashAlgo) !== true) return undefined;
    }
    const { auth, origin } = this.#context;
    return await auth.publicKey(username, key.data, origin);
  }

  #refuse(request: AuthContext, reason: string): void {
    // `none` is how clients ask for the list of methods (RFC 4252 §5.2).
    if (request.method !== 'none') {
      this.#failures += 1;
      const { log, triesMax, refused, exhausted } = this.#context;
      log.warn({ user: printable(request.username), method: request.method, reason }, 'sftp sign-in refused');
      refused(reason);
      if (this.#failures >= triesMax) {
        exhausted();
        return;
      }
    }
    request.reject(METHODS);
  }
}

/** A login name as it may stand in a log: short, without control characters. */
export function printable(name: string): string {
  return name
    .slice(0, 64)
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '?')
    .toWellFormed();
}
