import type { Path } from '../core/path.js';

/** A write lock (RFC 4918 §6). */
export interface Lock {
  /** `urn:uuid:…`, 122 random bits; shown to its owner only (lesson 5). */
  readonly token: string;
  readonly path: Path;
  readonly scope: 'exclusive' | 'shared';
  /** Whether it covers everything below as well. */
  readonly deep: boolean;
  /** Login name of the principal that holds it. */
  readonly holder: string;
  /** The client's `owner` element, serialised XML, at most 4 KiB. */
  readonly owner: string;
  /** When it ends by itself, ms since 1970. */
  readonly expires: number;
}

export interface LockRequest {
  readonly scope: 'exclusive' | 'shared';
  readonly deep: boolean;
  readonly owner: string;
  /** Cut to a day. */
  readonly seconds: number;
}
