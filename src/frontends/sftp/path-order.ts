import { isWithin, type Path } from '../../core/path.js';

interface Running {
  readonly paths: readonly Path[];
  readonly changes: boolean;
  readonly done: Promise<unknown>;
}

/**
 * The requests of one session that name paths, in an order that the client can rely on: one that changes something
 * waits for those before it on the same path, and those behind wait for it. Clients do send a RENAME or STAT
 * right behind a CLOSE without waiting for its answer (sshfs), and the CLOSE is what makes the file appear.
 */
export class PathOrder {
  readonly #running = new Set<Running>();

  async run<T>(paths: readonly Path[], changes: boolean, work: () => Promise<T>): Promise<T> {
    const before: Promise<unknown>[] = [];
    for (const other of this.#running) {
      if (touch(paths, changes, other)) before.push(other.done);
    }
    const result = before.length === 0 ? work() : Promise.allSettled(before).then(work);
    const running: Running = { paths, changes, done: result };
    this.#running.add(running);
    try {
      return await result;
    } finally {
      this.#running.delete(running);
    }
  }
}

/** A change touches its path and all below; two changes touch also from below (RMDIR behind the REMOVE of a child).
 *  Looking at a folder does not wait for an upload in it, which may take as long as its storage likes. */
function touch(paths: readonly Path[], changes: boolean, other: Running): boolean {
  if (!changes && !other.changes) return false;
  return paths.some((mine) =>
    other.paths.some((theirs) => (other.changes && isWithin(mine, theirs)) || (changes && isWithin(theirs, mine))),
  );
}
