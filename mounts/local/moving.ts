import { randomBytes } from 'node:crypto';
import { VfsError } from '../../src/core/errors.js';
import { nameOf, type Path } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import { isErrno } from './errors.js';
import type { Folder } from './folders.js';
import { namesIn } from './listing.js';
import { link, lstat, mkdir, rename, rmdir, unlink } from './system.js';

/** One end of a rename: a name in a folder that is held open. */
export interface End {
  readonly folder: Folder;
  readonly path: Path;
}

const at = ({ folder, path }: End) => folder.child(nameOf(path));

/** rename(2), which may also replace a folder that only looks empty. */
export async function replaceBy(from: End, to: End): Promise<void> {
  try {
    await rename(at(from), at(to));
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    throw new VfsError('ENOTEMPTY', 'rename', to.path, { cause: error });
  }
}

/**
 * rename(2) that never replaces. Node has no renameat2, so the new name is taken by the one call for each kind that
 * creates or fails: link(2) for files and symbolic links, mkdir(2) for folders, which rename may then replace while
 * it is empty.
 */
export async function moveToFree(from: End, to: End): Promise<void> {
  const source = await lstat(at(from));
  if (source.isDirectory()) {
    if (isInside(from, to)) throw new VfsError('EINVAL', 'rename', to.path);
    await mkdir(at(to), 0o700);
    try {
      await rename(at(from), at(to));
    } catch (error) {
      await rmdir(at(to)).catch(() => {});
      if (isErrno(error, 'ENOTEMPTY', 'ENOTDIR')) throw new VfsError('EEXIST', 'rename', to.path, { cause: error });
      throw error;
    }
    return;
  }
  try {
    await link(at(from), at(to));
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    // No hard links here, or not to a file of somebody else's (fs.protected_hardlinks): look, then rename.
    if (await lstat(at(to)).catch(() => undefined)) throw new VfsError('EEXIST', 'rename', to.path, { cause: error });
    return rename(at(from), at(to));
  }
  // Not unlink at once: another program may have put a new file under the old name since, which must not be lost.
  const { ino } = await lstat(at(to));
  const aside = from.folder.child(`${TEMPORARY_PREFIX}${randomBytes(12).toString('base64url')}`);
  await rename(at(from), aside);
  if ((await lstat(aside)).ino !== ino) await link(aside, at(from)).catch(() => {});
  await unlink(aside);
}

/** Removes unfinished files from a folder that holds nothing else, so that it can be removed. */
export async function sweep(folder: Folder): Promise<boolean> {
  const unfinished: string[] = [];
  let strange = false;
  for await (const names of namesIn(folder, () => (strange = true))) {
    if (strange || !names.every((name) => name.startsWith(TEMPORARY_PREFIX))) return false;
    unfinished.push(...names);
  }
  if (strange) return false;
  for (const name of unfinished) {
    await unlink(folder.child(name)).catch((error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error;
    });
  }
  return unfinished.length > 0;
}

function isInside(from: End, to: End): boolean {
  return to.path.startsWith(`${from.path}/`);
}
