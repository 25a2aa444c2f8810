import { VfsError } from '../../core/errors.js';
import type { Node } from '../../vfs/view.js';
import type { Inode } from './inodes.js';

/** Places in a listing: `.` and `..` are 0 and 1. */
export const FIRST_CHILD = 2;

/**
 * An open folder. It pages lazily through the listing of the view and keeps the one page that the kernel is reading:
 * a folder of any size takes one page of memory. Going back further (rewinddir, seekdir) lists again.
 */
export class OpenDirectory {
  readonly inode: Inode;
  readonly #list: (signal: AbortSignal) => AsyncIterable<readonly Node[]>;
  #abort = new AbortController();
  #pages: AsyncIterator<readonly Node[]> | undefined;
  #page: readonly Node[] = [];
  /** Place of the first node of `#page`. */
  #first = FIRST_CHILD;
  #ended = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(inode: Inode, list: (signal: AbortSignal) => AsyncIterable<readonly Node[]>) {
    this.inode = inode;
    this.#list = list;
  }

  /** One request after the other: two may come at once on one descriptor. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /**
   * Brings the child at `place` to hand, if there is one; 0 lists anew.
   * @throws what the listing throws; the next call begins anew
   */
  async seek(place: number): Promise<void> {
    const wanted = Math.max(place, FIRST_CHILD);
    if (place === 0 || wanted < this.#first) await this.#rewind();
    while (!this.#ended && wanted >= this.#first + this.#page.length) {
      this.#pages ??= this.#list(this.#abort.signal)[Symbol.asyncIterator]();
      try {
        const next = await this.#pages.next();
        this.#first += this.#page.length;
        this.#page = next.done ? [] : next.value;
        this.#ended = next.done === true;
      } catch (error) {
        this.#pages = undefined;
        await this.#rewind();
        throw error;
      }
    }
  }

  /** Ends the listing that is under way; the next call begins anew. */
  interrupt(): void {
    this.#abort.abort();
    this.#abort = new AbortController();
  }

  /** The child at `place`, if it is at hand. */
  at(place: number): Node | undefined {
    return this.#page[place - this.#first];
  }

  async close(): Promise<void> {
    await this.inTurn(() => this.#rewind());
    this.#ended = true;
  }

  async #rewind(): Promise<void> {
    const pages = this.#pages;
    this.#pages = undefined;
    this.#page = [];
    this.#first = FIRST_CHILD;
    this.#ended = false;
    await pages?.return?.();
  }
}

/** The kernel's directory handles; a number space of their own. */
export class Directories {
  readonly #byNumber = new Map<number, OpenDirectory>();
  #next = 1;

  get size(): number {
    return this.#byNumber.size;
  }

  add(directory: OpenDirectory): number {
    const number = this.#next++;
    this.#byNumber.set(number, directory);
    return number;
  }

  /** @throws VfsError EBADF */
  get(number: number): OpenDirectory {
    const directory = this.#byNumber.get(number);
    if (directory === undefined) throw new VfsError('EBADF', 'drive', `directory handle ${number}`);
    return directory;
  }

  async remove(number: number): Promise<void> {
    const directory = this.#byNumber.get(number);
    this.#byNumber.delete(number);
    await directory?.close();
  }

  async closeAll(): Promise<void> {
    for (const number of [...this.#byNumber.keys()]) await this.remove(number);
  }
}
