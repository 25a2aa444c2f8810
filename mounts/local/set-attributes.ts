import type { BigIntStats } from 'node:fs';
import type { Attributes } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';
import { chmod, chown, lchown, lutimes, utimes } from './system.js';

/**
 * Sets attributes of the node that `fd` (opened with O_PATH) stands for; `node` is its name, for what can only be done
 * to a symbolic link by name. The owner first: that is what fails, and it would take setuid bits away again.
 */
export async function setAttributes(
  path: Path,
  node: string,
  fd: number,
  stats: BigIntStats,
  attributes: Attributes,
): Promise<void> {
  const { mode, uid, gid, mtime, atime } = attributes;
  const isLink = stats.isSymbolicLink();
  const self = `/proc/self/fd/${fd}`;
  if (mode !== undefined && isLink) {
    throw new VfsError('ENOTSUP', 'setattr', path, { detail: 'a symbolic link has no permissions' });
  }
  if (uid !== undefined || gid !== undefined) {
    const [owner, group] = [uid ?? Number(stats.uid), gid ?? Number(stats.gid)];
    await (isLink ? lchown(node, owner, group) : chown(self, owner, group));
  }
  if (mode !== undefined) await chmod(self, mode & 0o7777);
  if (mtime !== undefined || atime !== undefined) {
    const times = [atime ?? Number(stats.atimeNs) / 1e6, mtime ?? Number(stats.mtimeNs) / 1e6] as const;
    await (isLink ? lutimes(node, ...times) : utimes(self, ...times));
  }
}
