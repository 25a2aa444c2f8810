import { createHash } from 'node:crypto';
import type { Bytes } from '../../src/core/bytes.js';
import { cancellable } from '../../src/core/cancel.js';
import { VfsError } from '../../src/core/errors.js';
import { giveBack } from '../../src/core/lent-buffers.js';
import type { Where } from './errors.js';

const MIB = 1024 * 1024;
const FIRST_BUFFER = 64 * 1024;
/** What S3 takes (Amazon S3 user guide, multipart upload limits). */
export const MAX_PARTS = 10_000;
export const MAX_FILE = 5 * 1024 * 1024 * MIB;

/** A piece of a body in the making of an upload. */
export interface Part {
  /** From 1. */
  readonly number: number;
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly last: boolean;
}

/**
 * Bytes of each part. A known size is spread over at most 10,000 parts; an unknown one begins with small parts that
 * grow by one step each thousand, which reaches 55,000 steps (430 GiB for parts of 8 MiB).
 */
export function planParts(step: number, size: number | undefined): (number: number) => number {
  if (size === undefined) return (number) => step * (1 + Math.floor((number - 1) / 1000));
  const needed = Math.ceil(size / MAX_PARTS / MIB) * MIB;
  return () => Math.max(step, needed);
}

/**
 * Cuts a body into parts, at least one, hashing on the way.
 * @param spare  buffers given back by the caller, used again
 * @throws VfsError EINVAL as soon as the body is longer than `size`, and at its end when shorter; EFBIG past 10,000 parts
 */
export async function* partsOf(
  body: Bytes,
  sizeOf: (number: number) => number,
  size: number | undefined,
  spare: Buffer[],
  where: Where,
): AsyncGenerator<Part, void> {
  const chunks = checked(cancellable(body, where.signal, where.op, where.path), size, where);
  try {
    let chunk = await take(chunks);
    for (let number = 1; number <= MAX_PARTS; number++) {
      const room = sizeOf(number);
      let bytes = reuse(spare, room) ?? Buffer.allocUnsafeSlow(firstSize(number, room, size));
      let length = 0;
      const hash = createHash('sha256');
      while (chunk !== undefined && length < room) {
        const piece = chunk.subarray(0, room - length);
        if (length + piece.length > bytes.length) bytes = grown(bytes, length, length + piece.length, room);
        bytes.set(piece, length);
        hash.update(piece);
        length += piece.length;
        if (piece.length < chunk.length) {
          chunk = chunk.subarray(piece.length);
        } else {
          giveBack(chunk); // a rest of one that was cut is known as such there, and not taken
          chunk = await take(chunks);
        }
      }
      const last = chunk === undefined;
      yield { number, bytes: bytes.subarray(0, length), sha256: hash.digest('hex'), last };
      if (last) return;
    }
    throw new VfsError('EFBIG', where.op, where.path, { detail: 'more parts than S3 takes' });
  } finally {
    await chunks.return();
  }
}

/** The first part may turn out to be small: unless the size is known it begins small and grows. */
function firstSize(number: number, room: number, size: number | undefined): number {
  if (size !== undefined) return Math.min(size, room);
  return number === 1 ? FIRST_BUFFER : room;
}

function grown(bytes: Buffer, used: number, needed: number, room: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(room, Math.max(needed, bytes.length * 2)));
  bytes.copy(larger, 0, 0, used);
  return larger;
}

function reuse(spare: Buffer[], room: number): Buffer | undefined {
  const buffer = spare.pop();
  return buffer !== undefined && buffer.length >= room ? buffer : undefined;
}

async function take(chunks: AsyncGenerator<Uint8Array, void>): Promise<Uint8Array | undefined> {
  const next = await chunks.next();
  return next.done ? undefined : next.value;
}

/** Passes what is not empty, and holds the body to the size that was promised. */
async function* checked(body: Bytes, size: number | undefined, where: Where): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (size !== undefined && total > size) throw wrongSize(where, `more than the ${size} bytes that were announced`);
    if (chunk.length > 0) yield chunk;
  }
  if (size !== undefined && total < size) throw wrongSize(where, `${total} of ${size} bytes`);
}

function wrongSize(where: Where, detail: string): VfsError {
  return new VfsError('EINVAL', where.op, where.path, { detail });
}
