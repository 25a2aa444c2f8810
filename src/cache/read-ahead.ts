import type { Driver, OpenFile } from '../../mounts/driver.js';
import { type Call, collect } from '../core/bytes.js';
import type { Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import type { Path } from '../core/path.js';

/** Bytes fetched by one request of a sequential reader. */
const BLOCK = 1 << 20;
/** Requests under way at most for one reader. */
const MAX_WINDOW = 8;

/** Bytes that all readers of the daemon together may hold fetched ahead; past it they go on one block at a time. */
export class ReadAheadBudget {
  #left: number;

  constructor(bytes = 96 * BLOCK) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (this.#left < bytes) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/**
 * An open file over ranged `get`s, for storages that hold nothing open. A sequential reader (several parallel
 * requests of the kernel count as one) gets blocks of 1 MiB ahead, the window doubling to 8; any other read fetches
 * just its range. Every request names the etag of the content at opening: another content is ESTALE, never mixed in.
 */
export class RangedFile implements OpenFile {
  readonly entry: Entry;
  readonly #driver: Driver;
  readonly #path: Path;
  readonly #budget: ReadAheadBudget;
  readonly #closing = new AbortController();
  readonly #blocks = new Map<number, Promise<Buffer>>();
  /** The block after the furthest one that a sequential read touched. */
  #next = 0;
  #window = 1;

  constructor(driver: Driver, path: Path, entry: Entry, budget: ReadAheadBudget) {
    this.#driver = driver;
    this.#path = path;
    this.entry = entry;
    this.#budget = budget;
  }

  async read(position: number, into: Uint8Array, call: Call = {}): Promise<number> {
    if (this.#closing.signal.aborted) throw new VfsError('EBADF', 'read', this.#path);
    const length = Math.min(into.length, this.entry.size - position);
    if (length <= 0) return 0;
    const first = Math.floor(position / BLOCK);
    const last = Math.floor((position + length - 1) / BLOCK);
    if (!this.#isSequential(first, last)) {
      into.set(await this.#fetch(position, position + length, call.signal));
      return length;
    }
    this.#advance(first, last);
    for (let block = first; block <= last; block++) {
      const bytes = await this.#block(block);
      const from = Math.max(0, position - block * BLOCK);
      const to = Math.min(bytes.length, position + length - block * BLOCK);
      into.set(bytes.subarray(from, to), block * BLOCK + from - position);
    }
    return length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const block of [...this.#blocks.keys()]) this.#drop(block);
  }

  /** Within the window around the reader's place: the kernel's parallel requests come a little out of order. */
  #isSequential(first: number, last: number): boolean {
    return last <= this.#next + 1 && first >= this.#next - MAX_WINDOW;
  }

  #advance(first: number, last: number): void {
    if (last >= this.#next) {
      this.#next = last + 1;
      this.#window = Math.min(MAX_WINDOW, this.#window * 2);
    }
    const end = Math.ceil(this.entry.size / BLOCK);
    for (let block = first; block < Math.min(end, last + 1 + this.#window); block++) {
      if (this.#blocks.has(block)) continue;
      if (!this.#budget.take(BLOCK)) break;
      this.#begin(block);
    }
    for (const block of [...this.#blocks.keys()]) if (block < this.#next - MAX_WINDOW) this.#drop(block);
  }

  #begin(block: number): void {
    const bytes = this.#fetch(block * BLOCK, Math.min(this.entry.size, (block + 1) * BLOCK));
    bytes.catch(() => this.#drop(block)); // whoever reads it sees the error; the next read asks again
    this.#blocks.set(block, bytes);
  }

  async #block(block: number): Promise<Buffer> {
    const ahead = this.#blocks.get(block);
    if (ahead !== undefined) return ahead;
    return this.#fetch(block * BLOCK, Math.min(this.entry.size, (block + 1) * BLOCK));
  }

  #drop(block: number): void {
    if (this.#blocks.delete(block)) this.#budget.give(BLOCK);
  }

  async #fetch(start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    const ended = this.#closing.signal;
    try {
      const body = await this.#driver.get(this.#path, {
        start,
        end,
        ifMatch: this.entry.etag || undefined,
        signal: signal === undefined ? ended : AbortSignal.any([ended, signal]),
      });
      const bytes = await collect(body, end - start);
      if (bytes.length < end - start) throw new VfsError('EIO', 'read', this.#path, { detail: 'short body' });
      return bytes;
    } catch (cause) {
      if (isVfsError(cause, 'EPRECONDITION', 'ENOENT', 'ERANGE')) {
        throw new VfsError('ESTALE', 'read', this.#path, { cause, detail: 'the file was replaced or removed' });
      }
      throw cause;
    }
  }
}
