import type { Path } from '../core/path.js';

/** A change, told where it happened: on which mount, at which path of its storage. */
export interface Change {
  readonly space: string;
  readonly path: Path;
  /** See ViewChange. */
  readonly kind: 'entry' | 'content' | 'tree';
  readonly origin: object | undefined;
}

/** How long a change waits for those who keep copies to have forgotten them, in ms. A kernel that is busy with the very
 *  folder may hold its locks until we answer it: then the change goes on, and the kernel hears a moment later. */
const PATIENCE = 200;

/** Forgets a copy of what changed; a promise that resolves once it has, where that takes time. */
export type ChangeListener<C = Change> = (change: C) => Promise<void> | undefined;

/** Where everyone who changes something says so, and everyone who keeps a copy of something hears it. */
export class Changes {
  readonly #listeners = new Set<ChangeListener>();

  /** Resolves when everyone has heard: only then may the change be acknowledged (promise 6, "at once"). */
  async emit(change: Change): Promise<void> {
    const waiting: Promise<void>[] = [];
    for (const listener of this.#listeners) {
      const heard = listener(change);
      if (heard !== undefined) waiting.push(heard);
    }
    if (waiting.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([Promise.allSettled(waiting), enough]);
    clearTimeout(timer);
  }

  on(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
