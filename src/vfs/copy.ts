import { randomBytes } from 'node:crypto';
import type { Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { join, type Path, parentOf } from '../core/path.js';
import { inParallel } from './in-parallel.js';
import type { NamespaceView } from './namespace-view.js';
import type { CopyCall, Node } from './view.js';

const AT_ONCE = 4;

/** What a copy took and what it made of that, by path: a move may remove no more than the first once all is there, and
 *  no more than the second when it is not. */
export interface Copied {
  readonly taken: Map<Path, string>;
  readonly made: Map<Path, string>;
}

/** Which content of a file or symbolic link an entry describes; of storages without etags, size and time must do. */
export function stampOf({ kind, size, mtime, etag }: Entry): string {
  return `${kind} ${etag === '' ? `${size} ${mtime}` : etag}`;
}

interface CopyTreeOptions extends CopyCall {
  /** Told of each file and symbolic link. */
  readonly copied?: Copied | undefined;
  /** As rename(2) has it: a folder may only replace an empty folder, never be merged into one. */
  readonly fresh?: boolean | undefined;
}

/** Copies a node and what it holds, through the view: rights and locks hold, and mounts below are followed. */
export async function copyTree(view: NamespaceView, from: Path, to: Path, options: CopyTreeOptions): Promise<Node> {
  const source = await view.stat(from, options);
  const target = await view.stat(to, options).catch((error: unknown) => {
    if (isVfsError(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (target !== undefined) await checkTarget(view, source, target, to, options);
  if (source.kind === 'symlink') return copyLink(view, source, from, to, options, target !== undefined);
  if (source.kind === 'file') return copyFile(view, source, from, to, options);
  const folder = target ?? (await view.mkdir(to, options));
  if (options.deep === false) return folder;
  for await (const page of view.list(from, options)) {
    await inParallel(page, AT_ONCE, async ({ name }) => {
      await copyTree(view, join(from, name), join(to, name), { ...options, fresh: false });
    });
  }
  return folder;
}

async function checkTarget(view: NamespaceView, source: Node, target: Node, to: Path, options: CopyTreeOptions) {
  if (options.noReplace) throw new VfsError('EEXIST', 'copy', to);
  if (source.kind === 'directory' && target.kind !== 'directory') throw new VfsError('ENOTDIR', 'copy', to);
  if (source.kind !== 'directory' && target.kind === 'directory') throw new VfsError('EISDIR', 'copy', to);
  if (!options.fresh || source.kind !== 'directory') return;
  for await (const page of view.list(to, options)) if (page.length > 0) throw new VfsError('ENOTEMPTY', 'move', to);
}

async function copyLink(
  view: NamespaceView,
  source: Node,
  from: Path,
  to: Path,
  options: CopyTreeOptions,
  replace: boolean,
): Promise<Node> {
  const { copied, noReplace: _, ...call } = options;
  const target = await view.readlink(from, call);
  // Beside what it replaces first: a storage that has no symbolic links must not lose that.
  const at = replace ? join(parentOf(to), `.replaced-${randomBytes(8).toString('hex')}`) : to;
  let node = await view.symlink(at, target, call);
  if (replace) {
    try {
      await view.rename(at, to, call);
    } catch (error) {
      await view.unlink(at, { tokens: call.tokens }).catch(() => {});
      throw error;
    }
    node = await view.stat(to, call);
  }
  copied?.taken.set(from, stampOf(source));
  copied?.made.set(to, stampOf(node));
  return node;
}

async function copyFile(view: NamespaceView, source: Node, from: Path, to: Path, call: CopyTreeOptions) {
  const inside = await view.copyInside(from, to, call);
  if (inside !== undefined) {
    call.copied?.taken.set(from, stampOf(source));
    call.copied?.made.set(to, stampOf(inside));
    return inside;
  }
  const { node, body } = await view.read(from, { signal: call.signal });
  try {
    const { node: copy } = await view.write(to, body, {
      size: node.size,
      mtime: source.mtime,
      mode: source.mode,
      ifNoneMatch: call.noReplace ? '*' : undefined,
      tokens: call.tokens,
      origin: call.origin,
      signal: call.signal,
    });
    call.copied?.taken.set(from, stampOf(node));
    call.copied?.made.set(to, stampOf(copy));
    return copy;
  } catch (error) {
    // Refused before it asked for a byte: the storage at the other end must not wait for somebody to read on.
    await body[Symbol.asyncIterator]().return?.();
    throw error;
  }
}
