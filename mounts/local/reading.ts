import type { BigIntStats } from 'node:fs';
import type { Bytes, Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import { VfsError } from '../../src/core/errors.js';
import { lendBuffer } from '../../src/core/lent-buffers.js';
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

/**
 * The bytes `[start, end)` of `source`, which is closed at the end; the next piece is read while one is consumed. Not a
 * generator, because one that is given up before its first byte never runs the code that would close the file.
 */
export function streamOf(source: Source, path: Path, start: number, end: number, call: Call): Bytes {
  let at = start;
  let ahead: Promise<Buffer> | undefined;
  const readAhead = (from: number) => {
    if (from >= end) return undefined;
    const piece = readPiece(source, 'get', path, from, lendBuffer(Math.min(CHUNK, end - from)));
    piece.catch(() => {});
    return piece;
  };
  const release = () => {
    call.signal?.removeEventListener('abort', release);
    return source.descriptor.close();
  };
  call.signal?.addEventListener('abort', release);
  const ended = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    at = end;
    ahead = undefined;
    await release();
    return { done: true, value: undefined };
  };
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (at >= end) return ended();
    try {
      refuseFired(call, 'get', path);
      const piece = await (ahead ?? readAhead(at))!.finally(() => refuseFired(call, 'get', path));
      if (piece.length < Math.min(CHUNK, end - at)) {
        throw new VfsError('EIO', 'get', path, { detail: 'the file became shorter' });
      }
      at += piece.length;
      ahead = readAhead(at);
      return { done: false, value: piece };
    } catch (error) {
      await ended();
      throw error;
    }
  };
  return { [Symbol.asyncIterator]: () => ({ next, return: ended }) };
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
