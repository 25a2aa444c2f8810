/** Tells that a password, the groups, the keys or the existence of an account changed. */
export class AccountEvents {
  readonly #listeners = new Set<(name: string) => void>();

  /** Calls `listener` with the login name after each change. @returns a function that ends it */
  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  changed(name: string): void {
    for (const listener of this.#listeners) listener(name);
  }
}
