import { VfsError } from '../../src/core/errors.js';
import { isWithin, type Path, parentOf } from '../../src/core/path.js';
import type { RenameOptions } from '../driver.js';
import { type CopyLimits, copyObject } from './copying.js';
import { toVfsError, type Where } from './errors.js';
import { listPages } from './listing.js';
import { type Found, find } from './objects.js';
import { inParallel, joint } from './parallel.js';
import type { Tree } from './tree.js';

const WIDTH = 8;
const MAX_KEYS = 1_000_000;

/**
 * Renames by copying and deleting, which is all that S3 has. Every source is deleted only after every copy succeeded;
 * when a copy fails, the copies made so far are removed again.
 */
export async function rename(
  tree: Tree,
  from: Path,
  to: Path,
  options: RenameOptions,
  limits: CopyLimits,
  where: Where,
): Promise<void> {
  const [source, target] = await Promise.all([tree.find(from, where), tree.find(to, where)]);
  if (source === undefined) {
    if (!(await tree.isFolder(from, where))) throw await tree.missing(from, where);
    if (isWithin(to, from) && to !== from) throw new VfsError('EINVAL', where.op, from, { detail: 'into itself' });
  }
  await tree.requireParent(to, where);
  const children = target === undefined ? await tree.first(to, 2, where) : [];
  const taken = target !== undefined || children.length > 0;
  if (options.noReplace && taken) throw new VfsError('EEXIST', where.op, to);
  if (from === to) return;
  if (source !== undefined) {
    if (children.length > 0) throw new VfsError('EISDIR', where.op, to);
    await renameFile(tree, from, to, source, limits, where);
  } else {
    if (target !== undefined) throw new VfsError('ENOTDIR', where.op, to);
    const folder = tree.keys.folder(to, where);
    if (children.some(({ key }) => key !== folder)) throw new VfsError('ENOTEMPTY', where.op, to);
    await renameFolder(tree, from, to, limits, where);
  }
  await tree.keep(parentOf(from), where);
}

async function renameFile(tree: Tree, from: Path, to: Path, found: Found, limits: CopyLimits, where: Where) {
  const [source, target] = [tree.keys.file(from, where), tree.keys.file(to, where)];
  const { mtime } = found.entry;
  const { etag } = await copyObject(tree, source, target, found, mtime, limits, where);
  tree.noteTime(target, { etag, mtime });
  await removeCopied(tree, source, found.entry.etag, where);
}

async function renameFolder(tree: Tree, from: Path, to: Path, limits: CopyLimits, where: Where): Promise<void> {
  const [source, target] = [tree.keys.folder(from, where), tree.keys.folder(to, where)];
  const keys: string[] = [];
  for await (const page of listPages(tree.client, { prefix: source }, where)) {
    if (page.unreadable > 0) throw new VfsError('ENOTSUP', where.op, from, { detail: 'holds keys that are not UTF-8' });
    for (const { key } of page.objects) {
      if (Buffer.byteLength(target + key.slice(source.length)) > 1024) {
        throw new VfsError('ENAMETOOLONG', where.op, to, { detail: 'for what the folder holds' });
      }
      keys.push(key);
    }
    if (keys.length > MAX_KEYS) throw new VfsError('ENOTSUP', where.op, from, { detail: 'holds too many keys' });
  }
  tree.forgetFolders();
  const made: string[] = [];
  const copied = new Map<string, string>();
  const copying = joint(where);
  try {
    await inParallel(keys.values(), WIDTH, copying, async (key) => {
      const found = await find(tree.client, key, copying.where);
      // Deleted since it was listed: then it is not renamed either.
      if (found === undefined) return;
      const copy = target + key.slice(source.length);
      made.push(copy);
      const { mtime } = found.entry;
      const { etag } = await copyObject(tree, key, copy, found, mtime, limits, copying.where);
      tree.noteTime(copy, { etag, mtime });
      copied.set(key, found.entry.etag);
    });
  } catch (error) {
    // The target was an empty folder or nothing: its marker, if any, stays.
    const undo = { op: where.op, path: where.path };
    const again = made.filter((key) => key !== target).values();
    await inParallel(again, WIDTH, joint(undo), (key) => remove(tree, key, undo)).catch((cause: unknown) =>
      tree.log.warn({ path: to, error: cause }, 'copies of a rename that failed stay'),
    );
    throw toVfsError(error, where);
  }
  const removing = joint(where);
  await inParallel(copied.entries(), WIDTH, removing, ([key, etag]) => removeCopied(tree, key, etag, removing.where));
  tree.forgetFolders();
}

/** Removes the source of a copy, unless somebody wrote to it since: then that stays, as if written after the rename. */
async function removeCopied(tree: Tree, key: string, etag: string, where: Where): Promise<void> {
  const found = await find(tree.client, key, where);
  if (found?.entry.etag === etag) await remove(tree, key, where);
}

export async function remove(tree: Tree, key: string, where: Where): Promise<void> {
  await tree.client.run({ method: 'DELETE', key }, where);
}
