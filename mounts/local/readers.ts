import type { BigIntStats } from 'node:fs';

/** A file that is open for reading; `stale` once its content was written over in place. */
export interface Reader {
  stale: boolean;
}

/**
 * Who reads which inode. A file with several names is the one thing that is written in place (placing.ts), and whoever
 * has it open must then get ESTALE rather than a mix of two contents.
 */
export class Readers {
  readonly #open = new Map<string, Set<Reader>>();

  /** @returns the reader, and a function that takes it off the list */
  add(stats: BigIntStats): { readonly reader: Reader; readonly done: () => void } {
    const key = keyOf(stats);
    const reader: Reader = { stale: false };
    const readers = this.#open.get(key) ?? new Set();
    this.#open.set(key, readers.add(reader));
    return {
      reader,
      done: () => {
        readers.delete(reader);
        if (readers.size === 0 && this.#open.get(key) === readers) this.#open.delete(key);
      },
    };
  }

  /** To be called before the first byte is written over. */
  outdate(stats: BigIntStats): void {
    for (const reader of this.#open.get(keyOf(stats)) ?? []) reader.stale = true;
  }
}

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
