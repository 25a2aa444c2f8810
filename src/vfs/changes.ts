import type { Path } from '../core/path.js';

/** A change, told where it happened: on which mount, at which path of its storage. */
export interface Change {
  readonly space: string;
  readonly path: Path;
  /** See ViewChange. */
  readonly kind: 'entry' | 'content' | 'tree';
  readonly origin: object | undefined;
}

/** Where everyone who changes something says so, and everyone who keeps a copy of something hears it. */
export class Changes {
  readonly #listeners = new Set<(change: Change) => void>();

  emit(change: Change): void {
    for (const listener of this.#listeners) listener(change);
  }

  on(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
