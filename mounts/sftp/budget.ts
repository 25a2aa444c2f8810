/** Bytes that all transfers of a mount together may have under way; each may always have one request. */
export class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  /** @returns whether there was room */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/**
 * Requests that one transfer has under way at most. ssh2's channel takes 2 MiB before it must be told to go on, so more
 * than 16 of 255 KiB would only wait in line.
 */
export const WINDOW = 16;
