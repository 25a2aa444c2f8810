import { MAX_WRITE } from './protocol/numbers.js';

const SMALL = 64 * 1024;
/** 8 MiB at most lie idle. */
const KEPT = 8;

/** Buffers for reads. The large ones are used again: a fresh MiB for each read costs the kernel 256 page faults. */
export class PageBuffers {
  readonly #large: Buffer[] = [];

  /** @returns a buffer of at least `size` bytes */
  take(size: number): Buffer {
    if (size <= SMALL) return Buffer.allocUnsafe(size);
    if (size > MAX_WRITE) return Buffer.allocUnsafeSlow(size);
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(MAX_WRITE);
  }

  give(buffer: Buffer): void {
    if (buffer.length === MAX_WRITE && this.#large.length < KEPT) this.#large.push(buffer);
  }
}
