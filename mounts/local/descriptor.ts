import { close } from './system.js';

/**
 * A descriptor that closes only after the calls on it are through: the kernel gives a closed number to the next open,
 * and a read still under way would then read another file.
 */
export class Descriptor {
  readonly fd: number;
  readonly #onClose: () => void;
  #users = 0;
  #closing: { readonly done: Promise<void>; readonly resolve: () => void } | undefined;

  constructor(fd: number, onClose: () => void = () => {}) {
    this.fd = fd;
    this.#onClose = onClose;
  }

  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** Runs `action` while the descriptor is surely open; undefined when it is closed already. */
  async use<T>(action: (fd: number) => Promise<T>): Promise<T | undefined> {
    if (this.#closing !== undefined) return undefined;
    this.#users += 1;
    try {
      return await action(this.fd);
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#settle();
    }
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      let resolve = () => {};
      const done = new Promise<void>((settled) => {
        resolve = settled;
      });
      this.#closing = { done, resolve };
      if (this.#users === 0) this.#settle();
    }
    return this.#closing.done;
  }

  #settle(): void {
    if (this.#closing === undefined) return;
    this.#onClose();
    void close(this.fd)
      .catch(() => {})
      .then(this.#closing.resolve);
  }
}
