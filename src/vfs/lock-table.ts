import { randomUUID } from 'node:crypto';
import { VfsError } from '../core/errors.js';
import { isWithin, type Path, parentOf, ROOT } from '../core/path.js';
import type { LockRow, LockTable } from '../store/tables.js';
import type { LockRequest } from './locks.js';

/** A place that a lock may be on: a path of one mount's storage. */
export interface Place {
  readonly space: string;
  readonly path: Path;
}

/** A lock as it is held, before a view turns its place into a path of its own. */
export interface HeldLock extends Place {
  readonly token: string;
  readonly scope: 'exclusive' | 'shared';
  readonly deep: boolean;
  readonly holder: string;
  readonly owner: string;
  readonly expires: number;
}

const LONGEST_SECONDS = 86_400;
const LONGEST_OWNER = 4096;
/** Locks one principal may hold: a bound on memory, far above what clients take. */
const MOST_LOCKS = 10_000;

/**
 * The write locks of the node (RFC 4918 §6), in memory for reading and in the database for restarts. Time left is
 * counted by the monotonic clock, so that a clock set back or forward neither ends nor prolongs a lock.
 */
export class LockSpace {
  readonly #table: LockTable;
  readonly #byToken = new Map<string, { lock: HeldLock; endsAt: number }>();
  readonly #byPlace = new Map<string, Set<string>>();

  constructor(table: LockTable) {
    this.#table = table;
    for (const row of table.all(Date.now())) {
      this.#remember({ ...row, path: row.path as Path }, Math.min(row.expires - Date.now(), LONGEST_SECONDS * 1000));
    }
  }

  /**
   * Takes a lock on the first of `chain`.
   * @param chain  the place and all that contains it: see `covering`
   * @throws VfsError ELOCKED when another lock is in the way (RFC 4918 §6.1)
   */
  async take(chain: readonly Place[], holder: string, request: LockRequest): Promise<HeldLock> {
    const place = chain[0];
    if (place === undefined) throw new VfsError('EINVAL', 'lock', ROOT);
    const others = [...this.covering(chain), ...(request.deep ? this.below(place) : [])];
    if (others.some((lock) => request.scope === 'exclusive' || lock.scope === 'exclusive')) {
      throw new VfsError('ELOCKED', 'lock', place.path);
    }
    if (Buffer.byteLength(request.owner) > LONGEST_OWNER) {
      throw new VfsError('EINVAL', 'lock', place.path, { detail: 'the owner element is longer than 4 KiB' });
    }
    if (this.#byToken.size >= MOST_LOCKS) throw new VfsError('EMFILE', 'lock', place.path);
    const milliseconds = duration(request.seconds);
    const lock: HeldLock = {
      ...place,
      token: `urn:uuid:${randomUUID()}`,
      scope: request.scope,
      deep: request.deep,
      holder,
      owner: request.owner,
      expires: Date.now() + milliseconds,
    };
    this.#remember(lock, milliseconds);
    try {
      await this.#table.put(lock satisfies LockRow);
    } catch (error) {
      this.#forget(lock);
      throw error;
    }
    return lock;
  }

  /** @throws VfsError ENOENT when `token` is no lock of `holder` that covers the place */
  async refresh(chain: readonly Place[], holder: string, token: string, seconds: number): Promise<HeldLock> {
    const lock = this.#own(chain, holder, token);
    const milliseconds = duration(seconds);
    const renewed = { ...lock, expires: Date.now() + milliseconds };
    this.#remember(renewed, milliseconds);
    await this.#table.put(renewed);
    return renewed;
  }

  /** @throws VfsError ENOENT when `token` is no lock of `holder` that covers the place (lesson 5) */
  async release(chain: readonly Place[], holder: string, token: string): Promise<void> {
    await this.#drop([this.#own(chain, holder, token)]);
  }

  /** The locks on the first of `chain`, and the deep ones on whatever contains it. */
  covering(chain: readonly Place[]): HeldLock[] {
    if (this.#byToken.size === 0) return [];
    return chain.flatMap((place, index) => this.#at(place).filter((lock) => index === 0 || lock.deep));
  }

  /** The locks on places below this one, itself not included. */
  below(place: Place): HeldLock[] {
    return [...this.#byToken.keys()]
      .map((token) => this.#live(token))
      .filter((lock) => lock !== undefined)
      .filter((lock) => lock.space === place.space && lock.path !== place.path && isWithin(lock.path, place.path));
  }

  /** Which of `locks` keeps this principal from a change: it needs the token of a lock on each locked thing. */
  inTheWay(locks: readonly HeldLock[], holder: string, tokens: ReadonlySet<string> | undefined): HeldLock | undefined {
    const groups = new Map<string, HeldLock[]>();
    for (const lock of locks) {
      const key = keyOf(lock);
      groups.set(key, [...(groups.get(key) ?? []), lock]);
    }
    for (const group of groups.values()) {
      if (!group.some((lock) => lock.holder === holder && tokens?.has(lock.token))) return group[0];
    }
    return undefined;
  }

  /** Ends the locks on this place and below it: what they were on is gone or is elsewhere. */
  async removeTree(place: Place): Promise<void> {
    await this.#drop([...this.#at(place), ...this.below(place)]);
  }

  /** Forgets what has expired, in the database too. @returns how many */
  async purge(): Promise<number> {
    const expired = [...this.#byToken.values()].filter(({ endsAt }) => endsAt <= performance.now());
    await this.#drop(expired.map(({ lock }) => lock));
    return expired.length;
  }

  #own(chain: readonly Place[], holder: string, token: string): HeldLock {
    const lock = this.covering(chain).find((one) => one.token === token && one.holder === holder);
    if (lock === undefined) throw new VfsError('ENOENT', 'lock', chain[0]?.path ?? ROOT, { detail: 'no such lock' });
    return lock;
  }

  #at(place: Place): HeldLock[] {
    const tokens = this.#byPlace.get(keyOf(place));
    if (tokens === undefined) return [];
    return [...tokens].map((token) => this.#live(token)).filter((lock) => lock !== undefined);
  }

  #live(token: string): HeldLock | undefined {
    const held = this.#byToken.get(token);
    return held !== undefined && held.endsAt > performance.now() ? held.lock : undefined;
  }

  #remember(lock: HeldLock, milliseconds: number): void {
    this.#byToken.set(lock.token, { lock, endsAt: performance.now() + milliseconds });
    const key = keyOf(lock);
    const there = this.#byPlace.get(key) ?? new Set();
    this.#byPlace.set(key, there.add(lock.token));
  }

  #forget(lock: HeldLock): void {
    this.#byToken.delete(lock.token);
    const there = this.#byPlace.get(keyOf(lock));
    there?.delete(lock.token);
    if (there?.size === 0) this.#byPlace.delete(keyOf(lock));
  }

  async #drop(locks: readonly HeldLock[]): Promise<void> {
    if (locks.length === 0) return;
    for (const lock of locks) this.#forget(lock);
    await this.#table.remove(locks.map(({ token }) => token));
  }
}

/** A place and everything on the same storage that contains it, nearest first. */
export function upward(place: Place): Place[] {
  const chain = [place];
  for (let path = place.path; path !== ROOT; ) {
    path = parentOf(path);
    chain.push({ space: place.space, path });
  }
  return chain;
}

function keyOf({ space, path }: Place): string {
  return `${space}\0${path}`;
}

function duration(seconds: number): number {
  return Math.min(Math.max(1, Math.floor(seconds) || 1), LONGEST_SECONDS) * 1000;
}
