import type { Bytes } from '../../src/core/bytes.js';
import { cancellable } from '../../src/core/cancel.js';
import { VfsError } from '../../src/core/errors.js';
import { giveBack } from '../../src/core/lent-buffers.js';
import type { Path } from '../../src/core/path.js';
import { writeFully } from './system.js';

/** What is gathered for one system call. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_CHUNKS = 64;

/**
 * Writes a body to an empty file; the next chunks are awaited while the last are written.
 * @throws VfsError EINVAL when the body does not have `size` bytes, as soon as it is too long
 */
export async function writeBody(
  fd: number,
  body: Bytes,
  path: Path,
  options: { readonly size?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const limit = options.size ?? Number.POSITIVE_INFINITY;
  let [size, batch, batchBytes]: [number, Uint8Array[], number] = [0, [], 0];
  let writing: Promise<void> = Promise.resolve();
  const flush = async () => {
    const [chunks, at] = [batch, size - batchBytes];
    [batch, batchBytes] = [[], 0];
    await writing;
    writing = writeFully(fd, chunks, at).then(() => chunks.forEach(giveBack));
    writing.catch(() => {});
  };
  try {
    for await (const chunk of cancellable(body, options.signal, 'put', path)) {
      if (chunk.length === 0) continue;
      size += chunk.length;
      if (size > limit) break;
      batch.push(chunk);
      batchBytes += chunk.length;
      if (batchBytes >= BATCH_BYTES || batch.length >= BATCH_CHUNKS) await flush();
    }
    if (size === limit || options.size === undefined) await flush();
  } finally {
    await writing.catch(() => {});
  }
  await writing;
  if (options.size !== undefined && size !== options.size) {
    throw new VfsError('EINVAL', 'put', path, { detail: 'the body has another length than was said' });
  }
}
