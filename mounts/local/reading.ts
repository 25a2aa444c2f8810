import type { BigIntStats } from 'node:fs';
import type { Bytes, Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import { VfsError } from '../../src/core/errors.js';
import { nameOf, type Path } from '../../src/core/path.js';
import type { OpenFile } from '../driver.js';
import { kindOf, toEntry } from './attributes.js';
import type { Descriptor } from './descriptor.js';
import { localError } from './errors.js';
import type { Reader } from './readers.js';
import { readFully } from './system.js';

const CHUNK = 512 * 1024;

/** A plain file that was opened for reading. */
export interface Source {
  readonly descriptor: Descriptor;
  readonly stats: BigIntStats;
  readonly reader: Reader;
}

/** The bytes `[start, end)` of `source`, which is closed at the end; the next piece is read while one is consumed. */
export async function* streamOf(source: Source, path: Path, start: number, end: number, call: Call): Bytes {
  const pieceAt = (at: number) => {
    const piece = readPiece(source, 'get', path, at, Buffer.allocUnsafeSlow(Math.min(CHUNK, end - at)));
    piece.catch(() => {});
    return piece;
  };
  try {
    let next = start < end ? pieceAt(start) : undefined;
    for (let at = start; next !== undefined; ) {
      refuseFired(call, 'get', path);
      const piece: Buffer = await next;
      refuseFired(call, 'get', path);
      const wanted = Math.min(CHUNK, end - at);
      if (piece.length < wanted) throw new VfsError('EIO', 'get', path, { detail: 'the file became shorter' });
      at += piece.length;
      next = at < end ? pieceAt(at) : undefined;
      yield piece;
    }
  } finally {
    await source.descriptor.close();
  }
}

export function openFileOf(source: Source, path: Path): OpenFile {
  const size = Number(source.stats.size);
  return {
    entry: toEntry(nameOf(path), kindOf(source.stats) ?? 'file', source.stats),
    async read(position, into, call) {
      refuseFired(call, 'read', path);
      const room = Math.max(0, Math.min(into.length, size - position));
      return (await readPiece(source, 'read', path, position, into.subarray(0, room))).length;
    },
    close: () => source.descriptor.close(),
  };
}

async function readPiece<T extends Uint8Array>(
  source: Source,
  op: string,
  path: Path,
  position: number,
  into: T,
): Promise<T> {
  const count = await source.descriptor
    .use((fd) => readFully(fd, into, position))
    .catch((error: unknown) => Promise.reject(localError(error, op, path)));
  if (count === undefined) throw new VfsError('EBADF', op, path, { detail: 'closed' });
  if (source.reader.stale) throw new VfsError('ESTALE', op, path, { detail: 'the file was written over in place' });
  return (count === into.length ? into : into.subarray(0, count)) as T;
}
