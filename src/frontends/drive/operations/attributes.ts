import type { Attributes } from '../../../core/entry.js';
import { VfsError } from '../../../core/errors.js';
import type { Handle } from '../../../vfs/handle.js';
import type { Node } from '../../../vfs/view.js';
import { attrOfRemoved, shownGid, shownMode, shownUid, storedGid, storedUid } from '../attributes.js';
import type { Inode } from '../inodes.js';
import { encodeAttrOut } from '../protocol/replies.js';
import { decodeGetattr, decodeSetattr, type SetattrRequest } from '../protocol/requests.js';
import type { Request } from '../request.js';
import type { Volume } from '../volume.js';
import type { Operation } from './operation.js';

function replyAttr(request: Request, volume: Volume, inode: Inode, node: Node): void {
  request.reply(encodeAttrOut(request.out, volume.attr(inode, node), volume.validity(request.since, inode).attr));
}

/** The handle to ask instead of the path: the one that the request names, or any where there is no path any more. */
function handleOf(volume: Volume, inode: Inode, number: number | undefined): Handle | undefined {
  if (number !== undefined && inode.kind === 'file') return volume.files.get(number).handle;
  return inode.names.length === 0 || inode.writers > 0 ? volume.files.on(inode)?.handle : undefined;
}

export const getattr: Operation = async (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const handle = handleOf(volume, inode, decodeGetattr(request.message, request.header));
  if (handle !== undefined) return replyAttr(request, volume, inode, await handle.stat());
  if (inode.names.length === 0 && inode !== volume.inodes.root) {
    const attr = attrOfRemoved(inode, volume.owner, Date.now());
    return request.reply(encodeAttrOut(request.out, attr, 0));
  }
  const { signal } = request;
  const node = await volume.at(inode, (path) => volume.view.stat(path, { live: true, signal }));
  // Something else stands there now: the kernel is to look the name up again.
  if (node.kind !== inode.kind) throw new VfsError('ESTALE', 'getattr', volume.path(inode));
  replyAttr(request, volume, inode, node);
};

/**
 * What is left of the attributes asked for when those are taken out that are so already, at a storage that has no such
 * thing: `cp -p` and `tar` set the mode that we show, and that must not fail. Times of access are not kept by storages
 * that have none, as on a file system mounted without them.
 */
function toChange(asked: SetattrRequest, node: Node, volume: Volume, now: number): Attributes {
  const { owner } = volume;
  const time = (value: number | 'now' | undefined) => (value === 'now' ? now : value);
  const mode = node.mode === undefined && asked.mode === shownMode(node, owner) ? undefined : asked.mode;
  const uid = asked.uid === shownUid(node.uid, owner) ? undefined : asked.uid;
  const gid = asked.gid === shownGid(node.gid, owner) ? undefined : asked.gid;
  return {
    ...(mode !== undefined && { mode }),
    ...(uid !== undefined && { uid: storedUid(uid, owner) }),
    ...(gid !== undefined && { gid: storedGid(gid, owner) }),
    ...(asked.mtime !== undefined && { mtime: time(asked.mtime) }),
    ...(asked.atime !== undefined && node.atime !== undefined && { atime: time(asked.atime) }),
  };
}

export const setattr: Operation = async (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const asked = decodeSetattr(request.message, request.header);
  const { signal } = request;
  const { origin, view } = volume;
  const handle = handleOf(volume, inode, asked.handle);
  if (asked.size !== undefined) await truncate(volume, inode, handle, asked.size, signal);

  const stat = () => (handle ? handle.stat() : volume.at(inode, (path) => view.stat(path, { live: true, signal })));
  let node = await stat();
  const change = toChange(asked, node, volume, Date.now());
  if (Object.keys(change).length > 0) {
    node = await (handle
      ? handle.setattr(change)
      : volume.at(inode, (path) => view.setattr(path, change, { origin, signal })));
  }
  replyAttr(request, volume, inode, node);
};

/** truncate(2) has no descriptor: it is open, cut and close in one. */
async function truncate(
  volume: Volume,
  inode: Inode,
  handle: Handle | undefined,
  size: number,
  signal: AbortSignal,
): Promise<void> {
  if (handle !== undefined) return handle.truncate(size);
  const { origin, view } = volume;
  const opened = await volume.at(inode, (path) =>
    view.open(path, { write: true, truncate: size === 0, sharing: 'shared', origin, signal }),
  );
  try {
    await opened.truncate(size);
    await opened.commit({ signal });
  } finally {
    await opened.close();
  }
}
