import type { Operation } from './operation.js';

export const readlink: Operation = async (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const { signal } = request;
  const target = await volume.at(inode, (path) => volume.view.readlink(path, { signal }));
  request.data(Buffer.from(target));
};
