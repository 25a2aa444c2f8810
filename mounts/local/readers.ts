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
  readonly #writing = new Map<string, Promise<unknown>>();
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

  /** Runs `action`, which writes over the file in place: one after the other, and with `quiet` waiting for all. */
  async rewrite<T>(stats: BigIntStats, action: () => Promise<T>): Promise<T> {
    const key = keyOf(stats);
    const run = (this.#writing.get(key) ?? Promise.resolve()).then(action);
    const settled = run.catch(() => {});
    this.#writing.set(key, settled);
    try {
      return await run;
    } finally {
      if (this.#writing.get(key) === settled) this.#writing.delete(key);
    }
  }

  /** Resolves when nobody writes over the file; undefined when nobody does now. */
  quiet(stats: BigIntStats): Promise<unknown> | undefined {
    return this.#writing.get(keyOf(stats));
  }

  /** To be called before the first byte is written over. */
  outdate(stats: BigIntStats): void {
    for (const reader of this.#open.get(keyOf(stats)) ?? []) reader.stale = true;
  }
}

function keyOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
