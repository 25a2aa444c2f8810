import type { IncomingMessage } from 'node:http';
import type { Bytes } from '../../core/bytes.js';
import { VfsError } from '../../core/errors.js';
import { lendBuffer } from '../../core/lent-buffers.js';
import type { HttpLimits } from './limits.js';

/** Pieces of up to this size are handed on: each costs the storage a system call, joining them only a copy. */
const CHUNK = 512 * 1024;
/** So much is taken from the socket ahead of the storage. */
const HIGH = 1024 * 1024;

/**
 * The body of a request as bounded pieces.
 *
 * A stream's own async iterator hands on each 64 KiB that the socket gave; this one joins what has gathered while the
 * storage was busy, and ends a body that makes no progress while we wait for it.
 * @throws VfsError ECANCELED when the client goes away before the end, ETIMEDOUT without progress, EFBIG past `limit`
 */
export async function* requestBody(
  message: IncomingMessage,
  limit: number,
  limits: Pick<HttpLimits, 'bodyTimeout' | 'progressBytes'>,
  count: (bytes: number) => void,
): Bytes {
  const queue: Buffer[] = [];
  let queued = 0;
  let total = 0;
  let ended = message.complete && message.readableLength === 0 && message.readableEnded;
  let failure: VfsError | undefined;
  let wake: (() => void) | undefined;

  const fail = (error: VfsError): void => {
    failure ??= error;
    wake?.();
  };
  const onData = (chunk: Buffer): void => {
    total += chunk.length;
    count(chunk.length);
    if (total > limit) {
      fail(new VfsError('EFBIG', 'receive', '', { detail: `more than ${limit} bytes` }));
      return;
    }
    queue.push(chunk);
    queued += chunk.length;
    if (queued >= HIGH) message.pause();
    wake?.();
  };
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const onClose = (): void => {
    if (!ended) fail(new VfsError('ECANCELED', 'receive', '', { detail: 'the client went away' }));
  };
  message.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  if (message.destroyed && !message.readableEnded) onClose();

  // Time spent waiting since the client last brought enough; what the storage takes is not held against it.
  let waited = 0;
  let mark = 0;
  try {
    for (;;) {
      if (failure !== undefined) throw failure;
      if (queued > 0) {
        const chunk = takeChunk(queue);
        queued -= chunk.length;
        if (queued < HIGH / 2 && message.isPaused()) message.resume();
        yield chunk;
        continue;
      }
      if (ended) return;
      const since = performance.now();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limits.bodyTimeout - waited);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      wake = undefined;
      waited += performance.now() - since;
      if (total - mark >= limits.progressBytes) {
        waited = 0;
        mark = total;
      } else if (waited >= limits.bodyTimeout - 1 && !ended) {
        fail(new VfsError('ETIMEDOUT', 'receive', '', { detail: 'the body makes no progress' }));
      }
    }
  } finally {
    message.off('data', onData).off('end', onEnd).off('close', onClose);
    message.pause();
  }
}

/** Joins the front of the queue to one piece of at most CHUNK bytes (or one longer piece as it came). */
function takeChunk(queue: Buffer[]): Buffer {
  let size = queue[0]!.length;
  let count = 1;
  while (count < queue.length && size + queue[count]!.length <= CHUNK) {
    size += queue[count]!.length;
    count += 1;
  }
  if (count === 1) return queue.shift()!;
  const joined = lendBuffer(size);
  let at = 0;
  for (const piece of queue.splice(0, count)) {
    piece.copy(joined, at);
    at += piece.length;
  }
  return joined;
}
