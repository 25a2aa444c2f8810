import type { Call } from '../core/bytes.js';
import type { Secret } from '../core/secret.js';

/** What a source of users knows of one. */
export interface Account {
  /** Login name as the source spells it; has passed `parseUserName`. */
  readonly name: string;
  readonly groups: readonly string[];
  readonly admin: boolean;
  readonly disabled: boolean;
  readonly displayName?: string | undefined;
}

/**
 * A place that knows users: the local table, a directory server. `test/conformance/auth.ts` runs on each.
 *
 * A source answers three things apart: "yes", "no" and "I cannot tell". Only the last is an error (EUNAVAILABLE,
 * ETIMEDOUT); whoever asks never takes it for a yes, nor for a no.
 */
export interface AuthSource {
  readonly name: string;
  /** The account when the password is right; undefined for a wrong password, an unknown or a disabled user, in equal
   *  time (the hash of a stand-in is computed). An empty name or password is refused before anything is asked
   *  (lesson 20). */
  verify(name: string, password: Secret, call?: Call): Promise<Account | undefined>;
  find(name: string, call?: Call): Promise<Account | undefined>;
  list(call?: Call): AsyncIterable<Account>;
  /** Public keys that may sign in, as `ssh-ed25519 AAAA…` lines without options; empty for an unknown user. */
  publicKeys(name: string, call?: Call): Promise<readonly string[]>;
}
