import { isVfsError } from '../../core/errors.js';
import { join, type Path, parseName } from '../../core/path.js';
import type { Node, View } from '../../vfs/view.js';
import { attrOf, type Ownership } from './attributes.js';
import { Directories } from './directories.js';
import { type Inode, Inodes } from './inodes.js';
import { OpenFiles } from './open-files.js';
import type { Attr, Validity } from './protocol/replies.js';

/** How long names and attributes may be believed that another request may just have changed: not at all. */
const NOT_AT_ALL: Validity = { entry: 0, attr: 0 };

/** What a drive shows and what the kernel has of it: the state that all operations share. */
export class Volume {
  readonly view: View;
  readonly owner: Ownership;
  /** Passed to every change, so that those of other front ends can be told from ours. */
  readonly origin: object;
  readonly inodes = new Inodes();
  readonly files = new OpenFiles();
  readonly directories = new Directories();
  /** Grows with every change that another front end makes. */
  foreignChanges = 0;
  readonly #maxAge: number;

  /** @param maxAge  seconds for which the kernel may keep what it was told */
  constructor(view: View, owner: Ownership, maxAge: number, origin: object) {
    this.view = view;
    this.owner = owner;
    this.origin = origin;
    this.#maxAge = maxAge;
  }

  path(inode: Inode): Path {
    return this.inodes.pathOf(inode);
  }

  /** The folder's path and the checked name below it. */
  childPath(parent: Inode, rawName: Uint8Array): { readonly name: string; readonly path: Path } {
    const name = parseName(rawName);
    return { name, path: join(this.inodes.pathOf(parent), name) };
  }

  attr(inode: Inode, node: Node): Attr {
    return attrOf(inode, node, this.owner);
  }

  /**
   * How long an answer may be believed.
   * @param since  `foreignChanges` when the request came: an answer that a change overtook must not be kept
   * @param inode  absent for "no such name". While it is open for writing its times change without the kernel's doing.
   */
  validity(since: number, inode?: Inode): Validity {
    if (since !== this.foreignChanges) return NOT_AT_ALL;
    return { entry: this.#maxAge, attr: inode !== undefined && inode.writers > 0 ? 0 : this.#maxAge };
  }

  /**
   * Runs `operation` at the path of a node; once more when it was not there because a folder above was renamed in the
   * meantime.
   */
  async at<T>(inode: Inode, operation: (path: Path) => Promise<T>): Promise<T> {
    const path = this.inodes.pathOf(inode);
    try {
      return await operation(path);
    } catch (error) {
      if (!isVfsError(error, 'ENOENT')) throw error;
      const now = this.inodes.pathOf(inode);
      if (now === path) throw error;
      return operation(now);
    }
  }
}
