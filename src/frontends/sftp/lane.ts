/** The part of a file that a request touches: `[start, end)`, and whether it changes it. */
export interface Claim {
  readonly start: number;
  readonly end: number;
  readonly writes: boolean;
}

/** Everything, changing it: nothing else on the file runs meanwhile. */
export const WHOLE_WRITE: Claim = { start: 0, end: Number.POSITIVE_INFINITY, writes: true };
/** Everything, looking only: waits for the writes before it. */
export const WHOLE_READ: Claim = { start: 0, end: Number.POSITIVE_INFINITY, writes: false };

export type Outcome<T> = { readonly value: T } | { readonly error: unknown };

interface Running extends Claim {
  readonly done: Promise<void>;
}

/**
 * The requests on one open file, many at a time.
 *
 * They run side by side, yet the result is as if one ran after another in the order in which they came (§6 of the
 * draft: overlapping reads and writes are not reordered). Answers leave in that order too: the draft does not ask for
 * it, but Debian 12's `scp` takes a short answer that overtakes a long one for the end of the file and truncates the
 * download.
 */
export class Lane {
  readonly #running = new Set<Running>();
  readonly #answers: { settle: (() => void) | undefined }[] = [];

  /**
   * Runs `work` once nothing that came before it is in its way.
   * @param settle  called with what came of it, in the order of the calls of `run`; must not throw
   */
  run<T>(claim: Claim, work: () => Promise<T>, settle: (outcome: Outcome<T>) => void): void {
    const before: Promise<void>[] = [];
    for (const other of this.#running) {
      if ((claim.writes || other.writes) && claim.start < other.end && other.start < claim.end) before.push(other.done);
    }
    const slot: { settle: (() => void) | undefined } = { settle: undefined };
    this.#answers.push(slot);
    const result = before.length === 0 ? work() : Promise.all(before).then(work);
    const running: Running = {
      ...claim,
      done: result.then(
        (value) => this.#settle(running, slot, () => settle({ value })),
        (error: unknown) => this.#settle(running, slot, () => settle({ error })),
      ),
    };
    this.#running.add(running);
  }

  #settle(running: Running, slot: { settle: (() => void) | undefined }, settle: () => void): void {
    this.#running.delete(running);
    slot.settle = settle;
    for (let head = this.#answers[0]; head?.settle !== undefined; head = this.#answers[0]) {
      this.#answers.shift();
      head.settle();
    }
  }
}
