import { createHmac, randomBytes } from 'node:crypto';
import type { Authenticator } from '../../auth/authenticator.js';
import type { Principal } from '../../auth/principal.js';
import { Secret } from '../../core/secret.js';
import type { HttpRequest } from '../route.js';

/** ms after which a password is verified again, and after which the account is looked at again (lesson 9). */
const VERIFY_EVERY = 30_000;
const LOOK_EVERY = 3_000;
const MAX_SESSIONS = 10_000;

interface Session {
  principal: Promise<Principal | undefined>;
  readonly verifiedAt: number;
  lookedAt: number;
}

/**
 * Basic authentication (RFC 7617). HTTP clients send the password with each request, and verifying it costs 20 ms on
 * purpose; so one that was right is remembered for a moment, by a keyed hash and for that client address only.
 * A wrong one is never remembered: the authenticator's throttle must see each attempt.
 */
export class Sessions {
  readonly #auth: Authenticator;
  readonly #key = randomBytes(32);
  readonly #sessions = new Map<string, Session>();

  constructor(auth: Authenticator) {
    this.#auth = auth;
  }

  /**
   * Who asks.
   * @returns undefined when there are no credentials, or they are wrong
   * @throws VfsError EAGAIN when throttled, EUNAVAILABLE when no source can tell
   */
  async principalOf(request: HttpRequest): Promise<Principal | undefined> {
    const header = request.headers.authorization;
    if (header === undefined) return undefined;
    const now = performance.now();
    const key = createHmac('sha256', this.#key).update(`${request.address}\n${header}`).digest('base64');
    const known = this.#sessions.get(key);
    if (known !== undefined && now - known.verifiedAt < VERIFY_EVERY) {
      if (now - known.lookedAt >= LOOK_EVERY) {
        known.lookedAt = now;
        known.principal = known.principal.then((principal) => principal && this.#auth.current(principal));
      }
      return this.#settle(key, known);
    }
    const credentials = parseBasic(header);
    if (credentials === undefined) return undefined;
    // The signal of one request must not end what others wait for too.
    const principal = this.#auth.password(credentials.name, credentials.password, {
      address: request.address,
      door: 'webdav',
    });
    const session = { principal, verifiedAt: now, lookedAt: now };
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    if (this.#sessions.size > MAX_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!);
    return this.#settle(key, session);
  }

  async #settle(key: string, session: Session): Promise<Principal | undefined> {
    let principal: Principal | undefined;
    try {
      principal = await session.principal;
    } finally {
      if (principal === undefined && this.#sessions.get(key) === session) this.#sessions.delete(key);
    }
    return principal;
  }
}

/** Name and password; undefined when the header is something else or one of them is empty (lesson 20). */
export function parseBasic(header: string): { name: string; password: Secret } | undefined {
  const match = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header.trim());
  if (match === null) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(match[1]!, 'base64'));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  if (colon <= 0 || colon === text.length - 1 || text.includes('\0')) return undefined;
  return { name: text.slice(0, colon), password: new Secret(text.slice(colon + 1)) };
}
