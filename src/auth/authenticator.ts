import type { Call } from '../core/bytes.js';
import type { Secret } from '../core/secret.js';
import type { Principal } from './principal.js';

/** Where a sign-in comes from. */
export interface Origin extends Call {
  /** The client's address, taken from a proxy's header only where that proxy is trusted. */
  readonly address: string;
  /** Which front end: `webdav`, `sftp`, … */
  readonly door: string;
}

/** What front ends ask. A refusal is `undefined` and never says which half was wrong. */
export interface Authenticator {
  /** @throws VfsError EAGAIN when the address or account is throttled, EUNAVAILABLE when no source can tell */
  password(name: string, password: Secret, origin: Origin): Promise<Principal | undefined>;
  /**
   * Whether the account accepts this public key. The front end has the proof of possession (the signature) checked
   * first where it is about to let somebody in.
   * @param key  the key in the SSH wire format (RFC 4253 §6.6)
   */
  publicKey(name: string, key: Uint8Array, origin: Origin): Promise<Principal | undefined>;
  /** Whether the principal still exists and is enabled; open sessions ask from time to time (lesson 9). */
  current(principal: Principal): Promise<Principal | undefined>;
}
