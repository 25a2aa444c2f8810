import { decodeName } from '../protocol/requests.js';
import type { Operation } from './operation.js';

export const unlink: Operation = async (request, volume) => {
  const parent = volume.inodes.get(request.header.node);
  const { name, path } = volume.childPath(parent, decodeName(request.message, request.header));
  await volume.view.unlink(path, { origin: volume.origin, signal: request.signal });
  volume.inodes.unbind(parent, name);
  request.ok();
};

export const rmdir: Operation = async (request, volume) => {
  const parent = volume.inodes.get(request.header.node);
  const { name, path } = volume.childPath(parent, decodeName(request.message, request.header));
  await volume.view.rmdir(path, { origin: volume.origin, signal: request.signal });
  volume.inodes.unbind(parent, name);
  request.ok();
};
