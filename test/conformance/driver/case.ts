import type { ExecutionContext } from 'ava';
import type { Driver } from '../../../mounts/driver.js';
import { type Bytes, collect, once } from '../../../src/core/bytes.js';
import type { Entry } from '../../../src/core/entry.js';
import { type ErrorCode, VfsError } from '../../../src/core/errors.js';
import { join, type Path, parsePath, ROOT } from '../../../src/core/path.js';

export type DriverMethod =
  | 'rename'
  | 'copy'
  | 'setattr'
  | 'symlink'
  | 'readlink'
  | 'link'
  | 'statfs'
  | 'open'
  | 'replace'
  | 'purge';

/** A driver whose storage is empty and used by nobody else. */
export interface Made {
  readonly driver: Driver;
  /** Called once, after `driver.close()`. */
  cleanup(): Promise<void>;
  /** Leaves one temporary file on the storage, as a killed daemon would: proof for `purge`. */
  leaveTemporary?(): Promise<void>;
}
export type Make = (t: ExecutionContext) => Promise<Made>;

/** A case that this driver cannot pass. It fails when the case begins to pass. */
export interface DriverException {
  readonly case: string;
  readonly reason: string;
}

export interface SuiteOptions {
  /** Stands before each title, where one file runs the suite more than once. */
  readonly prefix?: string;
  readonly exceptions?: readonly DriverException[];
  /** Optional methods that must be there, so that losing one is seen. */
  readonly requires?: readonly DriverMethod[];
  /** Files in the long listing; 10,000 when absent. */
  readonly listing?: number;
  /** Bytes of the largest file; 17 MiB when absent. */
  readonly large?: number;
  /** Limit for one case in ms; two minutes when absent. */
  readonly timeout?: number;
}

export interface Bench extends Made {
  readonly options: SuiteOptions;
}

export interface Case {
  readonly name: string;
  /** Optional methods without which the case means nothing. */
  readonly needs?: readonly DriverMethod[];
  run(t: ExecutionContext, bench: Bench): Promise<void>;
}

export const MiB = 1024 * 1024;

export const path = (text: string): Path => parsePath(text);

/** `size` bytes that look random, the same for the same seed. */
export function pattern(size: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed * 2654435761) >>> 0 || 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

/** A body of chunks of at most `chunk` bytes, each a copy that its receiver may keep or overwrite. */
export async function* body(bytes: Uint8Array, chunk = 100_000): Bytes {
  for (let at = 0; at < bytes.length; at += chunk) yield Uint8Array.from(bytes.subarray(at, at + chunk));
}

export function text(value: string): Bytes {
  return once(Buffer.from(value));
}

export async function write(driver: Driver, where: Path, value: string | Uint8Array): Promise<Entry> {
  return driver.put(where, typeof value === 'string' ? text(value) : body(value));
}

export async function read(driver: Driver, where: Path, range?: { start?: number; end?: number }): Promise<Buffer> {
  return collect(await driver.get(where, range));
}

export async function readText(driver: Driver, where: Path): Promise<string> {
  return (await read(driver, where)).toString();
}

/** Says where two contents differ, rather than printing megabytes. */
export function sameBytes(t: ExecutionContext, got: Uint8Array, want: Uint8Array, what = 'content'): void {
  if (Buffer.compare(got, want) === 0) {
    t.pass();
    return;
  }
  let at = 0;
  while (at < got.length && at < want.length && got[at] === want[at]) at++;
  t.fail(`${what}: ${got.length} bytes, wanted ${want.length}; first difference at ${at}`);
}

export async function children(driver: Driver, where: Path = ROOT): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const page of driver.list(where)) entries.push(...page);
  return entries;
}

export async function listing(driver: Driver, where: Path = ROOT): Promise<string[]> {
  return (await children(driver, where)).map((entry) => entry.name).sort();
}

/** Asserts that `action` fails with a VfsError of one of `codes`. */
export async function refused(
  t: ExecutionContext,
  action: Promise<unknown> | (() => Promise<unknown>),
  ...codes: readonly ErrorCode[]
): Promise<void> {
  try {
    await (typeof action === 'function' ? action() : action);
  } catch (error) {
    if (!(error instanceof VfsError)) t.fail(`not a VfsError: ${String(error)}`);
    else {
      t.true(codes.includes(error.code), `wanted ${codes.join(' or ')}, got ${error.message}`);
      t.true(error.path.startsWith('/'), `an error's path is one of the driver's: ${error.path}`);
    }
    return;
  }
  t.fail(`wanted ${codes.join(' or ')}, but it succeeded`);
}

/** Asserts that nothing was left behind: exactly these names, and no unfinished file where the driver can tell. */
export async function leaves(t: ExecutionContext, driver: Driver, where: Path, ...names: string[]): Promise<void> {
  t.deepEqual(await listing(driver, where), names.sort());
  if (driver.purge !== undefined) {
    t.is(await driver.purge(Date.now() + 3_600_000), 0, 'a temporary file was left behind');
  }
}

/** Asserts that a listing and `stat` say the same of every child. */
export async function agrees(t: ExecutionContext, driver: Driver, where: Path): Promise<void> {
  for (const listed of await children(driver, where)) {
    const entry = await driver.stat(join(where, listed.name));
    sameEntry(t, listed, entry);
  }
}

/** Compares what does not change by being looked at. */
export function sameEntry(t: ExecutionContext, got: Entry, want: Entry): void {
  const pick = ({ name, kind, size, mtime, etag, id, mode }: Entry) =>
    kind === 'file' ? { name, kind, size, mtime, etag, id, mode } : { name, kind, size };
  t.deepEqual(pick(got), pick(want));
}

/** Runs `action` on all of `items`, `width` at a time. */
export async function eachOf<T>(items: readonly T[], width: number, action: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await action(item);
    }),
  );
}
