import { VfsError } from '../../../core/errors.js';
import { decodeRename } from '../protocol/requests.js';
import type { Request } from '../request.js';
import type { Volume } from '../volume.js';
import type { Operation } from './operation.js';

/** The one flag of renameat2(2) that views know; exchanging two names, or leaving a whiteout, is refused. */
const RENAME_NOREPLACE = 1;

async function move(request: Request, volume: Volume, withFlags: boolean): Promise<void> {
  const asked = decodeRename(request.message, request.header, withFlags);
  const from = volume.inodes.get(request.header.node);
  const to = volume.inodes.get(asked.toParent);
  const source = volume.childPath(from, asked.name);
  const target = volume.childPath(to, asked.toName);
  if ((asked.flags & ~RENAME_NOREPLACE) !== 0) throw new VfsError('EINVAL', 'rename', source.path);
  const noReplace = (asked.flags & RENAME_NOREPLACE) !== 0;
  await volume.view.rename(source.path, target.path, { noReplace, origin: volume.origin, signal: request.signal });
  volume.inodes.move(from, source.name, to, target.name);
  request.ok();
}

export const rename: Operation = (request, volume) => move(request, volume, false);
export const rename2: Operation = (request, volume) => move(request, volume, true);
