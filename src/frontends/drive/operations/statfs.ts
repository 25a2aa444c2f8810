import { isVfsError } from '../../../core/errors.js';
import { NAME_MAX } from '../../../core/path.js';
import { encodeStatfs } from '../protocol/replies.js';
import type { Operation } from './operation.js';

export const statfs: Operation = async (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const { signal } = request;
  const space = await volume
    .at(inode, (path) => volume.view.statfs(path, { signal }))
    .catch((error: unknown) => {
      if (isVfsError(error, 'ENOTSUP')) return {};
      throw error;
    });
  request.reply(encodeStatfs(request.out, space, NAME_MAX));
};
