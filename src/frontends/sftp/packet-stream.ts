import type { BufferPool } from './buffer-pool.js';
import { Malformed, PACKET_MAX } from './codec.js';

/** One packet: its type and what follows; `pooled` is the buffer to give back once it is done with. */
export interface RawPacket {
  readonly type: number;
  readonly payload: Buffer;
  readonly pooled: Buffer | undefined;
}

const HEADER = 5;

/**
 * Cuts a byte stream into packets, one at a time and only when asked: whoever reads decides when the next one is
 * due, so that a chunk full of requests does not start them all.
 *
 * A packet inside one chunk is a view on it. One that spans chunks is gathered in a buffer of the pool: the payload of
 * a long WRITE is copied once and then handed to the storage in one piece.
 */
export class PacketStream {
  readonly #pool: BufferPool;
  #chunks: Buffer[] = [];
  #buffered = 0;

  constructor(pool: BufferPool) {
    this.#pool = pool;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
  }

  /**
   * @returns the next packet, or undefined when it has not come whole yet
   * @throws Malformed when its length is 0 or past PACKET_MAX
   */
  next(): RawPacket | undefined {
    if (this.#buffered < HEADER) return undefined;
    let first = this.#chunks[0] as Buffer;
    if (first.length < HEADER) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    const length = first.readUInt32BE(0);
    if (length === 0 || length > PACKET_MAX) throw new Malformed(`a packet of ${length} bytes`);
    if (this.#buffered < 4 + length) return undefined;
    this.#buffered -= 4 + length;
    const type = first[4] as number;
    const size = length - 1;
    if (first.length >= HEADER + size) {
      if (first.length === HEADER + size) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(HEADER + size);
      return { type, payload: first.subarray(HEADER, HEADER + size), pooled: undefined };
    }
    return this.#gather(type, size);
  }

  #gather(type: number, size: number): RawPacket {
    const into = this.#pool.take(size);
    let at = 0;
    let skip = HEADER;
    let used = 0;
    while (at < size) {
      const chunk = this.#chunks[used] as Buffer;
      const end = Math.min(chunk.length, skip + size - at);
      chunk.copy(into, at, skip, end);
      at += end - skip;
      if (end < chunk.length) this.#chunks[used] = chunk.subarray(end);
      else used += 1;
      skip = 0;
    }
    this.#chunks.splice(0, used);
    return { type, payload: into.subarray(0, size), pooled: into };
  }
}
