import type { Entry } from '../core/entry.js';
import { isVfsError } from '../core/errors.js';
import { join } from '../core/path.js';
import type { Shared } from './namespace.js';
import type { Location, Tree } from './tree.js';
import type { Node, ViewCall } from './view.js';

type Show = (entry: Entry, location: Location, tree: Tree) => Node;

/**
 * The children of a folder: the storage's, with the mounts in front of them, and, for a live view, the files that are
 * being written as they are now.
 */
export async function* listFolder(
  shared: Shared,
  tree: Tree,
  location: Location,
  call: ViewCall | undefined,
  show: Show,
): AsyncIterable<readonly Node[]> {
  const { mount, inner, path } = location;
  const { device } = mount;
  const writable = !mount.readOnly;
  const mountNames = tree.mountNames(path);
  const hidden = new Set(mountNames);
  const live = call?.live ? shared.files.within(mount, inner).filter((one) => one.dirty) : [];
  const writing = new Map(live.map((content) => [content.path as string, content]));
  const mounts = mountNames.map((name) => {
    const child = tree.locate(join(path, name));
    return show({ ...child.mount.lastRoot, name, kind: 'directory' }, child, tree);
  });

  let first = true;
  try {
    for await (const page of mount.driver.list(inner, call)) {
      if (first && mounts.length > 0) yield mounts;
      first = false;
      const nodes: Node[] = [];
      for (const entry of page) {
        if (hidden.size > 0 && hidden.has(entry.name)) continue;
        const open = writing.size === 0 ? undefined : writing.get(join(inner, entry.name));
        nodes.push({ ...(open?.entry ?? entry), writable, mountPoint: false, device });
      }
      yield nodes;
    }
  } catch (error) {
    const onlyMounts = first && mounts.length > 0 && isVfsError(error, 'ENOENT');
    if (!onlyMounts) throw error;
  }
  if (first && mounts.length > 0) yield mounts;
  const fresh = call?.live ? shared.files.newIn(mount, inner) : [];
  if (fresh.length > 0) yield fresh.map(({ entry }) => ({ ...entry, writable, mountPoint: false, device }));
}
