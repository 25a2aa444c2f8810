import type { Driver, OpenFile } from '../../mounts/driver.js';
import type { Call } from '../core/bytes.js';
import type { Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { giveBack } from '../core/lent-buffers.js';
import type { Path } from '../core/path.js';

/** Bytes fetched by one request of a sequential reader. */
const BLOCK = 1 << 20;
/** Requests under way at most for one reader. */
const MAX_WINDOW = 8;
/** Blocks kept behind the reader: the kernel's parallel requests come a little out of order. */
const KEPT_BEHIND = 2;
/** Blocks that wait for use. */
const SPARE = 8;

/** The memory for blocks fetched ahead, shared by all readers of the daemon; past its bound they go without. */
export class BlockMemory {
  readonly #spare: Buffer[] = [];
  #left: number;

  /** @param blocks  how many may be out at once, 1 MiB each */
  constructor(blocks = 64) {
    this.#left = blocks;
  }

  take(): Buffer | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    return this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
  }

  give(block: Buffer): void {
    this.#left++;
    if (this.#spare.length < SPARE) this.#spare.push(block);
  }
}

interface Block {
  readonly memory: Buffer;
  /** How many bytes of the memory hold content, once they do. */
  readonly filled: Promise<number>;
  /** Reads that copy from it now; its memory is used again only when there are none. */
  readers: number;
  dropped: boolean;
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
  readonly #memory: BlockMemory;
  readonly #closing = new AbortController();
  readonly #blocks = new Map<number, Block>();
  /** The block after the furthest one that a sequential read touched. */
  #next = 0;
  #window = 1;

  constructor(driver: Driver, path: Path, entry: Entry, memory: BlockMemory) {
    this.#driver = driver;
    this.#path = path;
    this.entry = entry;
    this.#memory = memory;
  }

  async read(position: number, into: Uint8Array, call: Call = {}): Promise<number> {
    if (this.#closing.signal.aborted) throw new VfsError('EBADF', 'read', this.#path);
    const length = Math.min(into.length, this.entry.size - position);
    if (length <= 0) return 0;
    const first = Math.floor(position / BLOCK);
    const last = Math.floor((position + length - 1) / BLOCK);
    if (!this.#isSequential(first, last)) {
      await this.#fetch(position, into.subarray(0, length), call.signal);
      return length;
    }
    this.#advance(first, last);
    for (let number = first; number <= last; number++) {
      const start = Math.max(position, number * BLOCK);
      const end = Math.min(position + length, (number + 1) * BLOCK);
      await this.#copy(number, start, into.subarray(start - position, end - position), call.signal);
    }
    return length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    for (const number of [...this.#blocks.keys()]) this.#drop(number);
  }

  /** Within the window around the reader's place. */
  #isSequential(first: number, last: number): boolean {
    return last <= this.#next + 1 && first >= this.#next - MAX_WINDOW;
  }

  #advance(first: number, last: number): void {
    if (last >= this.#next) {
      this.#next = last + 1;
      this.#window = Math.min(MAX_WINDOW, this.#window * 2);
    }
    for (const number of [...this.#blocks.keys()]) if (number < this.#next - KEPT_BEHIND) this.#drop(number);
    const end = Math.min(Math.ceil(this.entry.size / BLOCK), last + 1 + this.#window);
    for (let number = Math.max(first, this.#next - KEPT_BEHIND); number < end; number++) {
      if (this.#blocks.has(number)) continue;
      const memory = this.#memory.take();
      if (memory === undefined) break;
      this.#begin(number, memory);
    }
  }

  #begin(number: number, memory: Buffer): void {
    const start = number * BLOCK;
    const length = Math.min(BLOCK, this.entry.size - start);
    const filled = this.#fetch(start, memory.subarray(0, length)).then(() => length);
    const block: Block = { memory, filled, readers: 1, dropped: false };
    this.#blocks.set(number, block);
    // The request itself counts as a reader: it writes to the memory until it is over.
    filled.then(
      () => this.#leave(block),
      () => {
        this.#drop(number); // whoever reads it sees the error; the next read asks again
        this.#leave(block);
      },
    );
  }

  /** Copies what a read wants of one block: from memory where it was fetched ahead, else from the storage. */
  async #copy(number: number, start: number, into: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    const block = this.#blocks.get(number);
    if (block === undefined) return this.#fetch(start, into, signal);
    block.readers++;
    try {
      await block.filled;
      const from = start - number * BLOCK;
      into.set(block.memory.subarray(from, from + into.length));
    } finally {
      this.#leave(block);
    }
  }

  #leave(block: Block): void {
    block.readers--;
    if (block.dropped && block.readers === 0) this.#memory.give(block.memory);
  }

  #drop(number: number): void {
    const block = this.#blocks.get(number);
    if (block === undefined) return;
    this.#blocks.delete(number);
    block.dropped = true;
    if (block.readers === 0) this.#memory.give(block.memory);
  }

  /** Fills `into` from `start` on. */
  async #fetch(start: number, into: Uint8Array, signal?: AbortSignal): Promise<void> {
    const ended = this.#closing.signal;
    try {
      const body = await this.#driver.get(this.#path, {
        start,
        end: start + into.length,
        ifMatch: this.entry.etag || undefined,
        signal: signal === undefined ? ended : AbortSignal.any([ended, signal]),
      });
      let at = 0;
      for await (const chunk of body) {
        if (at + chunk.length > into.length) throw new VfsError('EIO', 'read', this.#path, { detail: 'long body' });
        into.set(chunk, at);
        at += chunk.length;
        giveBack(chunk);
      }
      if (at < into.length) throw new VfsError('EIO', 'read', this.#path, { detail: 'short body' });
    } catch (cause) {
      if (isVfsError(cause, 'EPRECONDITION', 'ENOENT', 'ERANGE')) {
        throw new VfsError('ESTALE', 'read', this.#path, { cause, detail: 'the file was replaced or removed' });
      }
      throw cause;
    }
  }
}
