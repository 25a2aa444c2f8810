import { isVfsError, VfsError } from '../core/errors.js';
import { join, type Path } from '../core/path.js';
import { inParallel } from './in-parallel.js';
import type { NamespaceView } from './namespace-view.js';
import type { CopyCall, Node } from './view.js';

const AT_ONCE = 4;

interface CopyTreeOptions extends CopyCall {
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
  if (source.kind === 'symlink') {
    if (target !== undefined) await view.unlink(to, options);
    return view.symlink(to, await view.readlink(from, options), options);
  }
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

async function copyFile(view: NamespaceView, source: Node, from: Path, to: Path, call: CopyTreeOptions) {
  const inside = await view.copyInside(from, to, call);
  if (inside !== undefined) return inside;
  const { node, body } = await view.read(from, { signal: call.signal });
  const { node: copy } = await view.write(to, body, {
    size: node.size,
    mtime: source.mtime,
    mode: source.mode,
    tokens: call.tokens,
    origin: call.origin,
    signal: call.signal,
  });
  return copy;
}
