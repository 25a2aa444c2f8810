import type { EntryKind } from '../../core/entry.js';
import { VfsError } from '../../core/errors.js';
import { join, type Path, ROOT, segments } from '../../core/path.js';
import type { Node } from '../../vfs/view.js';
import { ROOT_NODE } from './protocol/numbers.js';

/**
 * What the kernel knows by a number. It has one name, several (hard links), or none (unlinked, still open); renames
 * move names and keep the number. Numbers are never used twice, so the generation is always 0.
 */
export class Inode {
  readonly id: number;
  readonly kind: EntryKind;
  readonly names: { parent: Inode; name: string }[] = [];
  /** Made at the first child: most nodes are files. */
  children: Map<string, Inode> | undefined;
  /** How often the kernel was told of it, less what it has forgotten. */
  lookups = 0;
  /** Open file handles of the kernel, and those among them that may write. */
  opened = 0;
  writers = 0;
  /** Which content the kernel's pages hold; undefined: none that may be kept. See operations/open.ts. */
  cached: string | undefined;
  /** Mount and id at the storage, where there is more than one name. */
  identity: string | undefined;

  constructor(id: number, kind: EntryKind) {
    this.id = id;
    this.kind = kind;
  }
}

/** Every node that the kernel knows, and the tree of their names. */
export class Inodes {
  readonly root: Inode;
  readonly #byId = new Map<number, Inode>();
  readonly #byIdentity = new Map<string, Inode>();
  #next = ROOT_NODE + 1;

  constructor() {
    this.root = new Inode(ROOT_NODE, 'directory');
    this.root.lookups = 1;
    this.#byId.set(ROOT_NODE, this.root);
  }

  get size(): number {
    return this.#byId.size;
  }

  /** @throws VfsError ESTALE for a number we do not know: the kernel then walks the path again */
  get(id: number): Inode {
    const inode = this.#byId.get(id);
    if (inode === undefined) throw new VfsError('ESTALE', 'drive', `#${id}`);
    return inode;
  }

  /**
   * Where the node is now.
   * @throws VfsError ESTALE when it has no name any more: the kernel then looks the name up again, and finds what
   *   another front end put there, or nothing
   */
  pathOf(inode: Inode): Path {
    if (inode === this.root) return ROOT;
    const first = inode.names[0];
    if (first === undefined)
      throw new VfsError('ESTALE', 'drive', `#${inode.id}`, { detail: 'it has no name any more' });
    return join(this.pathOf(first.parent), first.name);
  }

  child(parent: Inode, name: string): Inode | undefined {
    return parent.children?.get(name);
  }

  /** The node at `path`, if the kernel knows it. */
  find(path: Path): Inode | undefined {
    let inode: Inode | undefined = this.root;
    for (const name of segments(path)) inode = inode?.children?.get(name);
    return inode;
  }

  /**
   * The node of what a look-up found. It is the one that had the name, unless that cannot be: another kind stands there
   * now, or the storage says that the file with several names is another one.
   */
  bind(parent: Inode, name: string, found: Node): Inode {
    const identity = identityOf(found);
    const twin = identity === undefined ? undefined : this.#byIdentity.get(identity);
    let inode = this.child(parent, name);
    if (inode !== undefined && (inode.kind !== found.kind || (twin !== undefined && twin !== inode))) {
      this.unbind(parent, name);
      inode = undefined;
    }
    if (inode !== undefined && inode.names.length > 1 && inode.identity !== identity) {
      this.unbind(parent, name);
      inode = undefined;
    }
    if (inode === undefined) {
      inode = twin ?? this.#make(found.kind);
      this.#addName(inode, parent, name);
    }
    if (identity !== inode.identity) this.#identify(inode, identity);
    return inode;
  }

  /** Another name for a node (LINK). */
  link(inode: Inode, parent: Inode, name: string, found: Node): void {
    this.unbind(parent, name);
    this.#addName(inode, parent, name);
    this.#identify(inode, identityOf(found));
  }

  /** The name no longer means its node, which stays as long as the kernel knows it. */
  unbind(parent: Inode, name: string): void {
    const inode = parent.children?.get(name);
    if (inode === undefined) return;
    parent.children?.delete(name);
    const at = inode.names.findIndex((each) => each.parent === parent && each.name === name);
    if (at >= 0) inode.names.splice(at, 1);
    if (inode.names.length === 0) this.#identify(inode, undefined);
    this.#collect(inode);
    this.#collect(parent);
  }

  /** After a rename: the name moves, what stood there loses its own. */
  move(from: Inode, name: string, to: Inode, toName: string): void {
    const inode = from.children?.get(name);
    if (inode === to.children?.get(toName)) return; // two names of one file: rename(2) does nothing
    this.unbind(to, toName);
    if (inode === undefined) return;
    const link = inode.names.find((each) => each.parent === from && each.name === name);
    from.children?.delete(name);
    if (link !== undefined) {
      link.parent = to;
      link.name = toName;
    }
    to.children ??= new Map();
    to.children.set(toName, inode);
    this.#collect(from);
  }

  forget(id: number, lookups: number): void {
    const inode = this.#byId.get(id);
    if (inode === undefined) return;
    inode.lookups = Math.max(0, inode.lookups - lookups);
    this.#collect(inode);
  }

  #make(kind: EntryKind): Inode {
    const inode = new Inode(this.#next++, kind);
    this.#byId.set(inode.id, inode);
    return inode;
  }

  #addName(inode: Inode, parent: Inode, name: string): void {
    inode.names.push({ parent, name });
    parent.children ??= new Map();
    parent.children.set(name, inode);
  }

  #identify(inode: Inode, identity: string | undefined): void {
    if (inode.identity !== undefined) this.#byIdentity.delete(inode.identity);
    inode.identity = identity;
    if (identity !== undefined) this.#byIdentity.set(identity, inode);
  }

  /** Drops what nobody needs: a folder whose children are known is needed for their paths. */
  #collect(inode: Inode): void {
    if (inode.lookups > 0 || inode === this.root || (inode.children?.size ?? 0) > 0) return;
    if (!this.#byId.delete(inode.id)) return;
    this.#identify(inode, undefined);
    for (const { parent, name } of inode.names.splice(0)) {
      parent.children?.delete(name);
      this.#collect(parent);
    }
  }
}

function identityOf({ kind, links, id, device }: Node): string | undefined {
  return kind === 'file' && (links ?? 1) > 1 && id !== undefined ? `${device}:${id}` : undefined;
}
