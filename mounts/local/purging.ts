import type { Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import { isVfsError } from '../../src/core/errors.js';
import { join, type Path, ROOT } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import type { Folders } from './folders.js';
import { lstat, readdir, unlink } from './system.js';
import { living } from './temporary.js';

/**
 * Removes unfinished files older than `olderThan` (ms since 1970) in the whole tree, one folder after the other. Their
 * age is that of their last change of any kind: a modification time may be one that a client asked to keep.
 */
export async function purgeTree(folders: Folders, olderThan: number, call: Call): Promise<number> {
  let removed = 0;
  const waiting: Path[] = [ROOT];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const here = path;
    refuseFired(call, 'purge', here);
    try {
      await folders.within('purge', here, async (folder) => {
        for (const entry of await readdir(`${folder.at}/.`, { withFileTypes: true })) {
          if (entry.name.startsWith(TEMPORARY_PREFIX)) {
            if (living.has(entry.name)) continue;
            const { ctimeNs } = await lstat(folder.child(entry.name));
            if (Number(ctimeNs) / 1e6 >= olderThan) continue;
            await unlink(folder.child(entry.name));
            removed += 1;
          } else if (entry.isDirectory() && entry.name.isWellFormed() && !entry.name.includes('\ufffd')) {
            waiting.push(join(here, entry.name));
          }
        }
      });
    } catch (error) {
      // Gone meanwhile, or not ours to enter; the rest of the tree is.
      if (!isVfsError(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES', 'EPERM', 'ENAMETOOLONG')) throw error;
    }
  }
  return removed;
}
