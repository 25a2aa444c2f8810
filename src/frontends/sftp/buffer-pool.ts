import { PACKET_MAX } from './codec.js';

/** Below this a buffer is cheaper made than kept. */
const SMALL = 16 * 1024;

/**
 * Buffers of one packet, kept for the next: fresh memory of that size costs a page fault every 4 KiB, which is more
 * than reading a file into it does.
 */
export class BufferPool {
  readonly #free: Buffer[] = [];
  readonly #keep: number;

  /** @param keep  how many idle buffers are kept at most */
  constructor(keep = 64) {
    this.#keep = keep;
  }

  /** A buffer of `size` bytes or more, with anything in it. */
  take(size: number): Buffer {
    if (size <= SMALL || size > PACKET_MAX) return Buffer.allocUnsafe(size);
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PACKET_MAX);
  }

  /** Takes back what `take` gave; the caller must not touch it, nor any view on it, again. */
  give(buffer: Buffer): void {
    if (buffer.length === PACKET_MAX && this.#free.length < this.#keep) this.#free.push(buffer);
  }
}
