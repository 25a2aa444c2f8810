import { concat, isWithin, nameOf, type Path, parentOf, ROOT, relativeTo } from '../core/path.js';
import type { Mount } from './mount.js';

/** Where a path of a view leads. */
export interface Location {
  /** The path in the view. */
  readonly path: Path;
  readonly mount: Mount;
  /** The path on the mount's storage. */
  readonly inner: Path;
}

/**
 * The mounts of one view, the home at the root. Where the configuration puts a mount at `/a/b` and nothing at `/a`,
 * `/a` is shown as a folder that holds mounts and nothing else.
 */
export class Tree {
  readonly home: Mount;
  /** All but the home, longest path first. */
  readonly #mounts: readonly Mount[];
  /** Folder → names below it that mounts account for. */
  readonly #children = new Map<Path, Set<string>>();

  constructor(home: Mount, mounts: readonly Mount[]) {
    this.home = home;
    this.#mounts = [...mounts].sort((a, b) => b.at.length - a.at.length);
    for (const { at } of mounts) {
      for (let path = at; path !== ROOT; path = parentOf(path)) {
        const parent = parentOf(path);
        this.#children.set(parent, (this.#children.get(parent) ?? new Set()).add(nameOf(path)));
      }
    }
  }

  get mounts(): readonly Mount[] {
    return [this.home, ...this.#mounts];
  }

  locate(path: Path): Location {
    const mount = this.#mounts.find(({ at }) => isWithin(path, at)) ?? this.home;
    return { path, mount, inner: relativeTo(path, mount.at) };
  }

  /** The path in this view of a place on a mount; undefined where another mount hides it, or the mount is not here. */
  pathOf(space: string, inner: Path): Path | undefined {
    const mount = this.mounts.find((one) => one.space === space);
    if (mount === undefined) return undefined;
    const path = concat(mount.at, inner);
    return this.locate(path).mount === mount ? path : undefined;
  }

  /** The mount whose place is exactly this path. */
  mountAt(path: Path): Mount | undefined {
    return path === ROOT ? this.home : this.#mounts.find(({ at }) => at === path);
  }

  /** Whether mounts lie below this path, so that it can neither be removed nor renamed. */
  holdsMounts(path: Path): boolean {
    return this.#children.has(path);
  }

  /** Names in a folder that are mounts, or lead to some. */
  mountNames(folder: Path): readonly string[] {
    return [...(this.#children.get(folder) ?? [])];
  }
}
