/** Time as the layers see it, so that tests need not wait. */
export interface Clock {
  /** Milliseconds that only grow, from any beginning. */
  now(): number;
  /** Runs `action` once after `ms`; `quiet` lets the process end before. @returns a function that calls it off */
  after(ms: number, action: () => void, quiet?: boolean): () => void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, action, quiet = false) {
    const timer = setTimeout(action, ms);
    if (quiet) timer.unref();
    return () => clearTimeout(timer);
  },
};
