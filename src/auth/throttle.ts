import { isIPv4, isIPv6 } from 'node:net';
import { performance } from 'node:perf_hooks';
import { VfsError } from '../core/errors.js';
import { BoundedMap } from './bounded-map.js';

/** How failures of one kind turn into delays, in ms. */
interface Rule {
  /** Failures without any delay. */
  readonly free: number;
  /** Time after which one failure is forgotten. */
  readonly forget: number;
  /** Longest delay; the first is FIRST_DELAY, and each further one twice as long. */
  readonly longest: number;
}

interface Bucket {
  failures: number;
  /** When `failures` was last brought up to date. */
  at: number;
  /** No attempt before this. */
  until: number;
}

const FIRST_DELAY = 1_000;
const BY_ADDRESS: Rule = { free: 10, forget: 60_000, longest: 60_000 };
/** Short: anybody can make an account fail, and its owner on a new address must get through between. */
const BY_ACCOUNT: Rule = { free: 10, forget: 30_000, longest: 10_000 };
const BY_PAIR: Rule = { free: 10, forget: 60_000, longest: 60_000 };
/** Addresses and accounts that are remembered. */
const KEPT = 50_000;

/** A sign-in under way. Exactly one of the methods is called when it is over. */
export interface Attempt {
  succeeded(): void;
  failed(): void;
  /** Nobody could tell. */
  cancelled(): void;
}

/**
 * Slows down guessing: a bucket of failures for each address and each account, which drains with time; when it is over
 * full, the next attempt has to wait, twice as long each time, up to a limit.
 *
 * An address from which an account has signed in before is known to it: such a pair has a bucket of its own and
 * does not feel what others do to the account or from behind the same address. A password that was right before is
 * not slowed at all: the phone that goes on trying the old one must not keep out the desk beside it. The clock should
 * be monotonic; one that is set back costs at most the longest delay.
 */
export class Throttle {
  readonly #now: () => number;
  readonly #buckets = new BoundedMap<string, Bucket>(KEPT);
  readonly #known = new BoundedMap<string, true>(KEPT);
  readonly #proven = new BoundedMap<string, true>(KEPT);

  /** @param now  ms, from any origin */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Begins an attempt. It counts as a failure until its end is known, so that many at once gain nothing.
   * @param proof  what stands for name and password without telling them, the same for the same two
   * @throws VfsError EAGAIN when it is too early
   */
  begin(address: string, account: string, proof: string): Attempt {
    if (this.#proven.get(proof)) return { succeeded() {}, failed: () => this.#proven.delete(proof), cancelled() {} };
    const place = network(address);
    const pair = `${place} ${account.toLowerCase()}`;
    const keys: readonly (readonly [string, Rule])[] = this.#known.get(pair)
      ? [[`pair ${pair}`, BY_PAIR]]
      : [
          [`address ${place}`, BY_ADDRESS],
          [`account ${account.toLowerCase()}`, BY_ACCOUNT],
        ];
    const now = this.#now();
    const buckets = keys.map(([key, rule]) => [this.#bucket(key, rule, now), rule] as const);
    const wait = Math.max(...buckets.map(([bucket]) => bucket.until - now));
    if (wait > 0) {
      const detail = `too many failed sign-ins; try again in ${Math.ceil(wait / 1000)} s`;
      throw new VfsError('EAGAIN', 'sign-in', 'account', { detail });
    }
    const refunds = buckets.map(([bucket, rule]) => charge(bucket, rule, now));
    const refund = (): void => {
      for (const give of refunds) give();
    };
    return {
      succeeded: () => {
        refund();
        this.#known.set(pair, true);
        this.#proven.set(proof, true);
      },
      failed: () => {},
      cancelled: refund,
    };
  }

  #bucket(key: string, rule: Rule, now: number): Bucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      bucket = { failures: 0, at: now, until: Number.NEGATIVE_INFINITY };
      this.#buckets.set(key, bucket);
      return bucket;
    }
    bucket.failures = Math.max(0, bucket.failures - Math.max(0, now - bucket.at) / rule.forget);
    bucket.at = now;
    // The clock was set back: what lies further ahead than any delay is no delay of ours.
    if (bucket.until > now + rule.longest) bucket.until = now + rule.longest;
    return bucket;
  }
}

/** Counts a failure; returns what takes it back. */
function charge(bucket: Bucket, rule: Rule, now: number): () => void {
  bucket.failures = Math.min(bucket.failures + 1, rule.free + 10);
  const over = Math.ceil(bucket.failures - rule.free);
  if (over > 0) bucket.until = now + Math.min(rule.longest, FIRST_DELAY * 2 ** (over - 1));
  const mine = bucket.until;
  return () => {
    bucket.failures = Math.max(0, bucket.failures - 1);
    if (bucket.failures <= rule.free || bucket.until === mine) bucket.until = Number.NEGATIVE_INFINITY;
  };
}

/** An IPv4 address itself, the /64 of an IPv6 address: a customer has at least as many as that. */
function network(address: string): string {
  const bare = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (isIPv4(bare) || !isIPv6(bare)) return bare.slice(0, 64);
  const [head = '', tail] = bare.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  // A dotted end stands for two groups.
  const missing = 8 - groups.length - last.length - (bare.includes('.') ? 1 : 0);
  const all = tail === undefined ? groups : [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...last];
  return `${all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}
