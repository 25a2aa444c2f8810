import { constants } from 'node:fs';
import { VfsError } from '../../../core/errors.js';
import { contentOf } from '../open-files.js';
import { HEADER_OUT, O_ACCMODE, OpenFlag } from '../protocol/numbers.js';
import { encodeOpen } from '../protocol/replies.js';
import { decodeHandle, decodeOpen } from '../protocol/requests.js';
import type { Operation } from './operation.js';

/**
 * OPEN. The kernel's pages of a node live longer than its descriptors; they are kept when the content is the one they
 * were filled with. When it is another one and somebody still has the old one open, the two must not share pages: the
 * name gets a new node, and ESTALE makes the kernel look it up.
 */
export const open: Operation = async (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const flags = decodeOpen(request.message, request.header);
  const access = flags & O_ACCMODE;
  const writable = access !== constants.O_RDONLY;
  const { origin, view } = volume;
  const { signal } = request;
  const handle = await volume.at(inode, (path) =>
    view.open(path, {
      read: access !== constants.O_WRONLY,
      write: writable,
      truncate: (flags & constants.O_TRUNC) !== 0,
      sharing: 'shared',
      origin,
      signal,
    }),
  );
  try {
    const content = contentOf(await handle.stat());
    const same = content === inode.cached;
    if (!same && inode.opened > 0 && inode.writers === 0) {
      for (const { parent, name } of [...inode.names]) volume.inodes.unbind(parent, name);
      throw new VfsError('ESTALE', 'open', '', { detail: 'replaced while it was open' });
    }
    inode.cached = content;
    const number = volume.files.add({ inode, handle, writable });
    const answer = (same ? OpenFlag.KEEP_CACHE : 0) | (writable ? 0 : OpenFlag.NOFLUSH);
    request.reply(encodeOpen(request.out, HEADER_OUT, number, answer));
  } catch (error) {
    await handle.close();
    throw error;
  }
};

/**
 * FLUSH (a descriptor is closed) and FSYNC: answered when what was written is verified at the storage. A commit is not
 * ended by signals that do not kill: a timer in a program would keep it from ever finishing.
 */
export const commit: Operation = async (request, volume) => {
  const { handle, inode, writable } = volume.files.get(decodeHandle(request.message, request.header));
  if (writable) {
    const node = await handle.commit({ signal: request.signal });
    inode.cached = contentOf(node);
  }
  request.ok();
};

/** RELEASE: the last descriptor is gone. Nobody hears of a failure, so pages that were written back after the last
 *  close (of a mapping) are committed first, and the failure is logged by the session. */
export const release: Operation = async (request, volume) => {
  const file = volume.files.remove(decodeHandle(request.message, request.header));
  try {
    if (file?.writable) file.inode.cached = contentOf(await file.handle.commit());
  } finally {
    await file?.handle.close();
  }
  request.ok();
};
