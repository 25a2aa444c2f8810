import { isVfsError } from '../core/errors.js';
import type { Path } from '../core/path.js';
import { type Copied, copyTree } from './copy.js';
import type { Shared } from './namespace.js';
import type { NamespaceView } from './namespace-view.js';
import type { Tree } from './tree.js';
import type { RenameCall } from './view.js';

/** Moves a node and what it holds where its storage cannot: copies all, then removes what was copied and no more. */
export async function moveAcross(
  view: NamespaceView,
  shared: Shared,
  tree: Tree,
  from: Path,
  to: Path,
  options: RenameCall,
): Promise<void> {
  const [source, target] = [tree.locate(from), tree.locate(to)];
  const fresh = await view.stat(to, options).then(
    () => false,
    (error: unknown) => {
      if (isVfsError(error, 'ENOENT')) return true;
      throw error;
    },
  );
  // What is being written goes along, as with a rename.
  for (const content of shared.files.within(source.mount, source.inner)) {
    if (content.dirty) await content.commit({ signal: options.signal });
  }
  const copied: Copied = { taken: new Map(), made: new Map() };
  // Once the copying is over, a caller who goes away changes nothing: neither half may be left half done.
  const { signal: _, ...unhurried } = options;
  try {
    await copyTree(view, from, to, { ...options, deep: true, fresh: true, copied });
  } catch (error) {
    if (fresh) await view.removeOnly(to, copied.made, unhurried).catch(() => {});
    throw error;
  }
  if (shared.properties.any) {
    await shared.properties.move(source.mount.space, source.inner, target.mount.space, target.inner);
  }
  // Every file was verified at the target by its put; only now the source goes.
  await view.removeOnly(from, copied.taken, unhurried);
}
