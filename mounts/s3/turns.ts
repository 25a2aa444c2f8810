/** Runs actions on one key one after the other, on different keys at once. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  async take<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const { promise, resolve } = turn();
    this.#last.set(key, promise);
    await before;
    try {
      return await action();
    } finally {
      if (this.#last.get(key) === promise) this.#last.delete(key);
      resolve();
    }
  }
}

function turn(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
