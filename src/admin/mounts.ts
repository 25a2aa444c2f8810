import type { Call } from '../core/bytes.js';

/** A mount as listings show it, from what is known without asking its storage. */
export interface MountReport {
  readonly at: string;
  /** `local`, `s3`, … */
  readonly driver: string;
  readonly readOnly: boolean;
  /** Whom it is for; absent: everyone. */
  readonly for?: { readonly users: readonly string[]; readonly groups: readonly string[] } | undefined;
  /** `unknown` until the storage was asked for the first time. */
  readonly state: 'up' | 'down' | 'unknown';
  /** When it came to this state, ISO 8601. */
  readonly since?: string | undefined;
  /** One sentence, when it is down. */
  readonly lastError?: string | undefined;
  /** What the storage offers and what it does not, in words. */
  readonly can: readonly string[];
  readonly cannot: readonly string[];
}

/** What asking a storage for its root gave. */
export interface MountTest {
  readonly at: string;
  readonly reachable: boolean;
  /** One sentence, when it is not. */
  readonly reason?: string | undefined;
  readonly milliseconds: number;
}

/** Who knows the mounts; the daemon gives it. */
export interface Mounts {
  list(): readonly MountReport[];
  /** Asks a storage for its root, with a deadline; an unreachable one is a result and no error.
   *  @throws VfsError ENOENT when nothing is mounted there */
  test(at: string, call: Call): Promise<MountTest>;
}
