/**
 * Bytes that all sessions together may have under way: reads not yet sent, writes not yet taken, answers not yet gone.
 * Each session has a share of its own besides; this bounds the sum when hundreds are busy at once.
 */
export class Ration {
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  get full(): boolean {
    return this.#used >= this.#limit;
  }

  take(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
    if (this.full || this.#waiting.size === 0) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Calls `wake` once, when there is room again. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  forget(wake: () => void): void {
    this.#waiting.delete(wake);
  }
}
