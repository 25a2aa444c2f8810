import type { Driver, Replacement } from '../../mounts/driver.js';
import type { Call } from '../core/bytes.js';
import type { Entry } from '../core/entry.js';
import { isVfsError } from '../core/errors.js';
import { join, nameOf, type Path, parentOf } from '../core/path.js';
import { conflictName } from './marked-name.js';

export interface Ours extends Call {
  /** Name of this node. */
  readonly node: string;
  readonly mtime: number | undefined;
}

/**
 * Keeps both contents where a commit met another one under its name (promise 5).
 * @returns what is under the name, and where ours is when it is not that
 */
export async function resolveConflict(
  driver: Driver,
  path: Path,
  next: Replacement,
  { node, mtime, signal }: Ours,
): Promise<{ readonly entry: Entry; readonly copy: Path | undefined }> {
  const theirs = await driver.stat(path, { signal }).catch((error: unknown) => {
    if (isVfsError(error, 'ENOENT')) return undefined;
    throw error;
  });
  // Removed behind our back: ours is the only content there is.
  if (theirs === undefined) {
    return { entry: await next.commit({ path, mtime, ifNoneMatch: '*', signal }), copy: undefined };
  }
  // An earlier commit was done and its answer lost, or two wrote the same: that is no conflict.
  if (await isSame(driver, path, next, theirs, signal)) return { entry: theirs, copy: undefined };
  for (let attempt = 0; ; attempt++) {
    const copy = join(parentOf(path), conflictName(nameOf(path), node, new Date(), attempt));
    try {
      await next.commit({ path: copy, mtime, ifNoneMatch: '*', signal });
      return { entry: theirs, copy };
    } catch (error) {
      if (!isVfsError(error, 'EPRECONDITION') || attempt === 10) throw error;
    }
  }
}

/** Whether the storage has exactly our bytes; false where it does not say. */
async function isSame(
  driver: Driver,
  path: Path,
  next: Replacement,
  theirs: Entry,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (theirs.kind !== 'file' || theirs.etag === '' || theirs.size !== next.size) return false;
  try {
    let at = 0;
    for await (const chunk of await driver.get(path, { ifMatch: theirs.etag, signal })) {
      const ours = Buffer.allocUnsafe(chunk.length);
      if ((await next.read(at, ours)) !== chunk.length || ours.compare(chunk) !== 0) return false;
      at += chunk.length;
    }
    return at === next.size;
  } catch {
    return false;
  }
}
