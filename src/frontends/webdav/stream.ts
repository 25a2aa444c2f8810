import type { ServerResponse } from 'node:http';
import type { Bytes } from '../../core/bytes.js';
import { VfsError } from '../../core/errors.js';
import { giveBack } from '../../core/lent-buffers.js';

/** ms without a byte taken after which a client that reads is given up. Players pause; this is more than a pause. */
const STALL = 300_000;

/**
 * Writes and waits until the client keeps up.
 * @returns false when the client is gone
 */
export async function write(response: ServerResponse, chunk: string | Uint8Array): Promise<boolean> {
  if (response.destroyed) return false;
  if (typeof chunk === 'string' ? response.write(chunk) : response.write(chunk, whenSent(chunk))) return true;
  return drained(response);
}

/** The chunk is ours until the socket has taken it; after an error it may still be looked at. */
function whenSent(chunk: Uint8Array): (error?: Error | null) => void {
  return (error) => {
    if (!error) giveBack(chunk);
  };
}

function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      response.off('drain', done).off('close', done);
      resolve(!response.destroyed);
    };
    const timer = setTimeout(() => response.destroy(), STALL);
    response.on('drain', done).on('close', done);
  });
}

/**
 * Sends a head and exactly `length` bytes. The head waits for the first chunk, so that a storage that fails at once is
 * still answered with a status; after that a failure can only break the connection, which no client takes for the end.
 * The next chunk is asked for while the last one is on its way.
 * @returns how many bytes went out
 * @throws what the body throws
 */
export async function sendBody(
  response: ServerResponse,
  head: () => void,
  body: Bytes,
  length: number,
): Promise<number> {
  const chunks = body[Symbol.asyncIterator]();
  let sent = 0;
  let ended = false;
  try {
    let next = await chunks.next();
    head();
    while (!next.done) {
      const chunk = next.value;
      sent += chunk.length;
      if (sent > length) throw new VfsError('EIO', 'read', '', { detail: 'the body is longer than promised' });
      if (sent === length) {
        response.end(chunk, whenSent(chunk));
        // To the end: a body that is left early is one whose storage is told to stop.
        ended = (await chunks.next()).done === true;
        return sent;
      }
      const following = chunks.next();
      following.catch(() => {});
      if (!(await write(response, chunk))) return sent;
      next = await following;
    }
    ended = true;
    if (sent < length) throw new VfsError('EIO', 'read', '', { detail: 'the body is shorter than promised' });
    if (length === 0) response.end();
    return sent;
  } finally {
    if (!ended) await chunks.return?.();
  }
}
