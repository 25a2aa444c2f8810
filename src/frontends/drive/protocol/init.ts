import { Feature, HEADER_OUT, MAX_WRITE } from './numbers.js';
import type { Outgoing } from './replies.js';

/** The protocol that this codec was written against, and the oldest it speaks (Linux 5.4). */
const MAJOR = 7;
const NEWEST_MINOR = 45;
const OLDEST_MINOR = 31;
const PAGE = 4096;

/**
 * What we ask for. Left out on purpose: ASYNC_DIO (readers with O_DIRECT could not be killed), WRITEBACK_CACHE (close
 * would answer before the bytes are here, and other front ends' changes of size would be overruled), HANDLE_KILLPRIV
 * (we would have to clear setuid bits ourselves), CACHE_SYMLINKS (a link changed behind our back keeps its node),
 * POSIX_LOCKS and FLOCK_LOCKS (the kernel's own are right on one host), DONT_MASK (the kernel applies the umask).
 */
const WANTED: readonly (keyof typeof Feature)[] = [
  'ASYNC_READ',
  'ATOMIC_O_TRUNC',
  'BIG_WRITES',
  'READDIRPLUS',
  'READDIRPLUS_AUTO',
  'PARALLEL_DIROPS',
  'ABORT_ERROR',
  'MAX_PAGES',
  'EXPLICIT_INVAL_DATA',
];

/** Reads ahead and writes behind that may be under way at once. */
const MAX_BACKGROUND = 128;
/** Step of times in ns, see encodeTime. */
const TIME_STEP = 1000;

export interface Agreement {
  readonly minor: number;
  readonly features: ReadonlySet<keyof typeof Feature>;
  readonly maxReadahead: number;
}

/**
 * What both sides will do.
 * @returns undefined when the kernel is too old; a larger major number is answered with ours, and the kernel asks again
 */
export function negotiate(asked: {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
}): Agreement | undefined {
  if (asked.major < MAJOR || (asked.major === MAJOR && asked.minor < OLDEST_MINOR)) return undefined;
  const offered = (feature: keyof typeof Feature) => ((asked.flags >>> Feature[feature]) & 1) === 1;
  const features = new Set(WANTED.filter(offered));
  if (offered('INIT_EXT')) features.add('INIT_EXT');
  if (!features.has('EXPLICIT_INVAL_DATA') && offered('AUTO_INVAL_DATA')) features.add('AUTO_INVAL_DATA');
  return {
    minor: Math.min(asked.minor, NEWEST_MINOR),
    features,
    maxReadahead: Math.max(asked.maxReadahead, MAX_WRITE),
  };
}

/** struct fuse_init_out. */
export function encodeInit(o: Outgoing, agreed: Agreement): number {
  let flags = 0;
  for (const feature of agreed.features) flags |= 1 << Feature[feature];
  const body = HEADER_OUT;
  o.bytes.fill(0, body, body + 64);
  o.u32(body, MAJOR);
  o.u32(body + 4, agreed.minor);
  o.u32(body + 8, agreed.maxReadahead);
  o.u32(body + 12, flags >>> 0);
  o.u16(body + 16, MAX_BACKGROUND);
  o.u16(body + 18, (MAX_BACKGROUND * 3) / 4);
  o.u32(body + 20, MAX_WRITE);
  o.u32(body + 24, TIME_STEP);
  o.u16(body + 28, MAX_WRITE / PAGE);
  return body + 64;
}
