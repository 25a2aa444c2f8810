import type { Attributes } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';
import { kindOf, seconds } from './attributes.js';
import type { Line } from './pool.js';
import type { Attrs } from './protocol.js';
import { locate } from './translate.js';

/**
 * Sets attributes of what stands at `path`, of a link itself only where the server can. Owner and group, and both times, travel
 * in pairs: the half that was not given stays as it is. The owner goes first, being what is refused.
 */
export async function changeAttributes(line: Line, path: Path, attributes: Attributes): Promise<void> {
  const { session } = line;
  const where = await locate(line, path, 'setattr');
  const now = await session.lstat(where);
  const { uid, gid, mode, mtime, atime } = attributes;
  const changes: Attrs[] = [];
  if (uid !== undefined || gid !== undefined) changes.push({ uid: uid ?? now.uid, gid: gid ?? now.gid });
  if (mode !== undefined || mtime !== undefined || atime !== undefined) {
    const times =
      mtime === undefined && atime === undefined
        ? {}
        : {
            atime: atime === undefined ? (now.atime ?? seconds(Date.now())) : seconds(atime),
            mtime: mtime === undefined ? (now.mtime ?? seconds(Date.now())) : seconds(mtime),
          };
    changes.push({ ...(mode === undefined ? {} : { mode: mode & 0o7777 }), ...times });
  }
  const isLink = kindOf(now) === 'symlink';
  if (isLink && changes.length > 0 && !session.offers('lsetstat@openssh.com')) {
    throw new VfsError('ENOTSUP', 'setattr', path, { detail: 'the server follows links here' });
  }
  for (const change of changes) await (isLink ? session.lsetstat(where, change) : session.setstat(where, change));
}
