import type { Call } from '../../core/bytes.js';
import { isVfsError, VfsError } from '../../core/errors.js';
import { join, PATH_MAX, type Path, parentOf, ROOT, segments } from '../../core/path.js';
import type { View } from '../../vfs/view.js';

/** As Linux has it (MAXSYMLINKS). */
const LINKS_MAX = 40;

/**
 * Where `path` leads once every symbolic link in it is followed. It is walked name by name inside the view: an absolute
 * target begins at the root of the view and `..` ends there, so no link leads out of what the principal may see.
 * @param last  whether the last name is followed too
 * @returns a path whose last name need not exist
 * @throws VfsError ELOOP after 40 links; ENOENT, ENOTDIR from the storage
 */
export async function followLinks(view: View, path: Path, last: boolean, call?: Call): Promise<Path> {
  const todo = segments(path).reverse();
  let at = ROOT;
  let links = 0;
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = parentOf(at);
      continue;
    }
    const next = join(at, name);
    const end = todo.length === 0;
    if (end && !last) return next;
    const node = await view.stat(next, call).catch((error: unknown) => {
      if (end && isVfsError(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (node?.kind !== 'symlink') {
      at = next;
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) throw new VfsError('ELOOP', 'follow', path);
    const target = await view.readlink(next, call);
    if (target.length > PATH_MAX) throw new VfsError('ENAMETOOLONG', 'follow', path);
    if (target.startsWith('/')) at = ROOT;
    todo.push(...target.split('/').reverse());
  }
  return at;
}

/**
 * Does `work` on `path`, and once more where its links lead when the view met one that it does not follow. Most paths
 * hold no link, so the walk is made only then.
 */
export async function throughLinks<T>(
  view: View,
  path: Path,
  last: boolean,
  work: (path: Path) => Promise<T>,
  call?: Call,
): Promise<T> {
  try {
    return await work(path);
  } catch (error) {
    if (!isVfsError(error, 'ELOOP', 'ENOTDIR')) throw error;
    const target = await followLinks(view, path, last, call);
    if (target === path) throw error;
    return await work(target);
  }
}
