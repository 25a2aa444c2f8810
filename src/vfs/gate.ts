/**
 * Many at once, or one alone. Who wants to be alone waits for those inside and keeps newcomers out meanwhile.
 */
export class Gate {
  #inside = 0;
  #alone: Promise<void> | undefined;
  #emptied: (() => void) | undefined;

  /** Runs `act` beside others. */
  async shared<T>(act: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    this.#inside++;
    try {
      return await act();
    } finally {
      this.#inside--;
      if (this.#inside === 0) this.#emptied?.();
    }
  }

  /** Runs `act` with nobody else inside. */
  async alone<T>(act: () => Promise<T>): Promise<T> {
    while (this.#alone !== undefined) await this.#alone;
    let done = () => {};
    this.#alone = new Promise((resolve) => {
      done = resolve;
    });
    try {
      if (this.#inside > 0) {
        await new Promise<void>((resolve) => {
          this.#emptied = resolve;
        });
        this.#emptied = undefined;
      }
      return await act();
    } finally {
      this.#alone = undefined;
      done();
    }
  }
}
