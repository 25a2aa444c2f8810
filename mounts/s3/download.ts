import { once } from '../../src/core/bytes.js';
import type { Entry } from '../../src/core/entry.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Content, GetOptions } from '../driver.js';
import { toVfsError, type Where } from './errors.js';
import { describe, type Found } from './objects.js';
import type { S3Answer } from './requests.js';
import type { Tree } from './tree.js';

/** Opens the content of a file, or a range of it. */
export async function download(tree: Tree, options: GetOptions, where: Where): Promise<Content> {
  const { start = 0, end, ifMatch } = options;
  const { path } = where;
  const key = tree.keys.file(path, where);
  if (end !== undefined && end <= start) return empty(await tree.find(path, where), tree, options, where);
  const headers: Record<string, string> = {};
  const ranged = start > 0 || end !== undefined;
  if (ranged) headers.range = `bytes=${start}-${end === undefined ? '' : end - 1}`;
  if (ifMatch !== undefined) headers['if-match'] = `"${ifMatch}"`;
  try {
    const answer = await tree.client.open({ method: 'GET', key, headers }, where);
    const { length, size } = checkRange(answer, ranged, start, where);
    return bodyOf(answer, length, entryOf(answer, size, tree, key, where), where);
  } catch (error) {
    if (isVfsError(error, 'ENOENT')) throw await notFile(tree, where);
    // No byte of the range is there, which at the very end of a file is an empty body.
    if (isVfsError(error, 'ERANGE')) return empty(await tree.find(path, where), tree, options, where);
    throw error;
  }
}

/** Why there is no file at this path: EISDIR, ENOENT or ENOTDIR. To be thrown. */
export async function notFile(tree: Tree, where: Where): Promise<VfsError> {
  if (await tree.isFolder(where.path, where)) return new VfsError('EISDIR', where.op, where.path);
  return tree.missing(where.path, where);
}

async function empty(found: Found | undefined, tree: Tree, options: GetOptions, where: Where): Promise<Content> {
  if (found === undefined) throw await notFile(tree, where);
  const { entry } = found;
  if (options.ifMatch !== undefined && options.ifMatch !== entry.etag) {
    throw new VfsError('EPRECONDITION', where.op, where.path);
  }
  if ((options.start ?? 0) > entry.size) throw new VfsError('ERANGE', where.op, where.path);
  return Object.assign(once(new Uint8Array(0)), { entry });
}

/** Bytes that the answer promises, and bytes of the whole file. */
function checkRange(
  answer: S3Answer,
  ranged: boolean,
  start: number,
  where: Where,
): { readonly length: number; readonly size: number } {
  const length = Number(answer.header('content-length') ?? Number.NaN);
  const range = /^bytes (\d+)-\d+\/(\d{1,16})$/.exec(answer.header('content-range') ?? '');
  const right = answer.status === 206 ? Number(range?.[1]) === start : answer.status === 200 && !ranged;
  const size = answer.status === 206 ? Number(range?.[2]) : length;
  // What answers without an entity tag is no S3 service.
  if (right && answer.etag !== '' && Number.isSafeInteger(length) && size >= start + length) return { length, size };
  answer.body.destroy();
  throw new VfsError('EIO', where.op, where.path, { detail: 'an answer to another request' });
}

/** The entry of exactly this content, which the head of the answer tells. */
function entryOf(answer: S3Answer, size: number, tree: Tree, key: string, where: Where): Entry {
  try {
    const { entry, keepsTime } = describe(answer, where, size);
    if (keepsTime) tree.noteTime(key, entry);
    return entry;
  } catch (error) {
    answer.body.destroy();
    throw error;
  }
}

/** The body of an answer; left before its first byte, it is given up as well, which a generator alone would not do. */
function bodyOf(answer: S3Answer, length: number, entry: Entry, where: Where): Content {
  const pieces = piecesOf(answer, length, where);
  let begun = false;
  const iterator: AsyncIterator<Uint8Array, void> = {
    next: () => {
      begun = true;
      return pieces.next();
    },
    return: () => {
      if (!begun) answer.body.destroy();
      return pieces.return();
    },
  };
  return { entry, [Symbol.asyncIterator]: () => iterator };
}

async function* piecesOf(answer: S3Answer, length: number, where: Where): AsyncGenerator<Uint8Array, void> {
  let left = length;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) break;
      yield chunk;
    }
  } catch (error) {
    const translated = toVfsError(error, where);
    if (!isVfsError(translated, 'EUNAVAILABLE')) throw translated;
    throw new VfsError('EIO', where.op, where.path, { cause: error, detail: 'the content broke off' });
  }
  if (left !== 0) throw new VfsError('EIO', where.op, where.path, { detail: 'content of another length' });
}
