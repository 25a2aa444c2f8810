import { isVfsError } from '../../../core/errors.js';
import type { Node } from '../../../vfs/view.js';
import type { Inode } from '../inodes.js';
import { HEADER_OUT } from '../protocol/numbers.js';
import { ENTRY_SIZE, encodeEntry, encodeNoEntry } from '../protocol/replies.js';
import { decodeBatchForget, decodeForget, decodeName } from '../protocol/requests.js';
import type { Request } from '../request.js';
import type { Volume } from '../volume.js';
import type { Operation } from './operation.js';

/** Answers with a node under a name; the kernel now knows it once more. */
export function replyEntry(request: Request, volume: Volume, inode: Inode, node: Node): void {
  inode.lookups++;
  encodeEntry(request.out, HEADER_OUT, volume.attr(inode, node), 0, volume.validity(request.since, inode));
  request.reply(HEADER_OUT + ENTRY_SIZE);
}

export const lookup: Operation = async (request, volume) => {
  const parent = volume.inodes.get(request.header.node);
  const { name, path } = volume.childPath(parent, decodeName(request.message, request.header));
  try {
    const node = await volume.view.stat(path, { live: true, signal: request.signal });
    replyEntry(request, volume, volume.inodes.bind(parent, name, node), node);
  } catch (error) {
    if (!isVfsError(error, 'ENOENT')) throw error;
    volume.inodes.unbind(parent, name);
    const { entry } = volume.validity(request.since);
    if (entry === 0) throw error;
    encodeNoEntry(request.out, HEADER_OUT, entry);
    request.reply(HEADER_OUT + ENTRY_SIZE);
  }
};

export const forget: Operation = (request, volume) => {
  volume.inodes.forget(request.header.node, decodeForget(request.message, request.header));
  request.done();
};

export const batchForget: Operation = (request, volume) => {
  for (const [id, lookups] of decodeBatchForget(request.message, request.header)) volume.inodes.forget(id, lookups);
  request.done();
};
