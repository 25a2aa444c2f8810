/*
 * Buffers for content on its way, used again. A chunk of a body is owned by whoever receives it; whoever is done with
 * one may give it back, and whoever fills chunks may take one from here. Both are optional: a chunk that nobody gives back
 * is collected as garbage, and one that was not taken here is ignored. It pays because V8 counts buffers as pressure: a
 * download of 1 GiB in fresh buffers spends a third of its time in the garbage collector.
 */

const SIZE = 512 * 1024;
/** Buffers that wait for use: 8 MiB. */
const KEPT = 16;

const free: ArrayBufferLike[] = [];
/** Those that are out, with the length of the chunk. What is given back twice is no longer among them then. */
const lent = new WeakMap<ArrayBufferLike, number>();

/** A buffer of exactly `bytes` bytes with any content: one to be used again, where that is worth it. */
export function lendBuffer(bytes: number): Buffer {
  if (bytes > SIZE || bytes < SIZE / 4) return Buffer.allocUnsafeSlow(bytes);
  const memory = free.pop() ?? Buffer.allocUnsafeSlow(SIZE).buffer;
  lent.set(memory, bytes);
  return Buffer.from(memory, 0, bytes);
}

/**
 * Gives a chunk back. The caller must be its owner, and nobody may look at it afterwards. A part of a chunk is not taken:
 * somebody cut it in pieces, and the others may still be on their way.
 */
export function giveBack(chunk: Uint8Array): void {
  if (lent.get(chunk.buffer) !== chunk.length) return;
  lent.delete(chunk.buffer);
  if (free.length < KEPT) free.push(chunk.buffer);
}
