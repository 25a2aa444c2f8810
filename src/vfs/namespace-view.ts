import type { Principal } from '../auth/principal.js';
import type { Bytes, Call } from '../core/bytes.js';
import type { Attributes, Entry, Space } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { concat, isWithin, nameOf, type Path, parentOf, ROOT, relativeTo } from '../core/path.js';
import type { ChangeListener } from './changes.js';
import { copyTree, stampOf } from './copy.js';
import { mayChange } from './grants.js';
import type { Handle, OpenOptions } from './handle.js';
import { listFolder } from './listing.js';
import type { HeldLock, Place } from './lock-table.js';
import type { Lock, LockRequest } from './locks.js';
import { moveAcross } from './move.js';
import type { Shared } from './namespace.js';
import { openFile } from './open.js';
import { type Removable, removeTree } from './remove.js';
import { mountRoot } from './root.js';
import type { Location, Tree } from './tree.js';
import type {
  ChangeCall,
  CopyCall,
  Node,
  ReadOptions,
  RenameCall,
  View,
  ViewCall,
  ViewChange,
  WriteOptions,
} from './view.js';

/** How often a read begins anew when the file changes between looking at it and opening it. */
const READ_TRIES = 3;

/** The one implementation of View, over the mounts that a principal sees. */
export class NamespaceView implements View {
  readonly principal: Principal;
  readonly #tree: () => Tree;
  readonly #shared: Shared;

  constructor(principal: Principal, tree: () => Tree, shared: Shared) {
    this.principal = principal;
    this.#tree = tree;
    this.#shared = shared;
  }

  mountOf(path: Path): Path {
    try {
      return this.#tree().locate(path).mount.at;
    } catch {
      // A home that cannot even be made: whoever logs that failure must not fail over it.
      return ROOT;
    }
  }

  async stat(path: Path, call?: ViewCall): Promise<Node> {
    return this.#here(path, async (location, tree) => {
      const { mount, inner } = location;
      if (path !== ROOT && tree.mountAt(path) !== undefined) return show(await mountRoot(mount, call), location, tree);
      const open = this.#shared.files.get(mount, inner);
      if (call?.live && open?.dirty) return show(open.entry, location, tree);
      try {
        const entry = await mount.driver.stat(inner, call);
        return show(entry, location, tree);
      } catch (error) {
        if (!isVfsError(error, 'ENOENT', 'ENOTDIR') || !tree.holdsMounts(path)) throw error;
        return show({ ...mount.lastRoot, name: nameOf(path) }, location, tree);
      }
    });
  }

  async *list(path: Path, call?: ViewCall): AsyncIterable<readonly Node[]> {
    const tree = this.#tree();
    const location = tree.locate(path);
    try {
      yield* listFolder(this.#shared, tree, location, call, show);
    } catch (error) {
      throw relocate(error, location, tree);
    }
  }

  async read(path: Path, options: ReadOptions = {}): Promise<{ node: Node; body: Bytes }> {
    return this.#here(path, async (location, tree) => {
      const { mount, inner } = location;
      if (mount.driver.traits.entryWithContent) {
        const body = await mount.driver.get(inner, options);
        if (body.entry === undefined) throw new VfsError('EIO', 'read', inner, { detail: 'content without its entry' });
        return { node: show(body.entry, location, tree), body };
      }
      for (let attempt = 1; ; attempt++) {
        const entry = await mount.driver.stat(inner, options);
        if (entry.kind === 'directory') throw new VfsError('EISDIR', 'read', inner);
        if (options.ifMatch !== undefined && options.ifMatch !== entry.etag) {
          throw new VfsError('EPRECONDITION', 'read', inner);
        }
        try {
          const body = await mount.driver.get(inner, { ...options, ifMatch: entry.etag || undefined });
          return { node: show(entry, location, tree), body };
        } catch (error) {
          if (!isVfsError(error, 'EPRECONDITION') || attempt === READ_TRIES) throw error;
        }
      }
    });
  }

  async write(path: Path, body: Bytes, options: WriteOptions = {}): Promise<{ node: Node; created: boolean }> {
    return this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) throw new VfsError('EISDIR', 'write', inner);
      const created = !(await this.#exists(location, options));
      this.#checkLocks(tree, path, options, { parent: created });
      const { tokens: _tokens, origin, ...put } = options;
      const entry = await mount.driver.put(inner, body, put);
      await this.#shared.files.replaced(mount, inner, entry);
      await this.#emit(location, created ? 'entry' : 'content', origin);
      return { node: show(entry, location, tree), created };
    });
  }

  async mkdir(path: Path, call: ChangeCall = {}): Promise<Node> {
    return this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path) || this.#isNew(location)) {
        throw new VfsError('EEXIST', 'mkdir', inner);
      }
      this.#checkLocks(tree, path, call, { parent: true });
      await mount.driver.mkdir(inner, call);
      await this.#emit(location, 'entry', call.origin);
      return show(await mount.driver.stat(inner, call), location, tree);
    });
  }

  async unlink(path: Path, call: ChangeCall = {}): Promise<void> {
    await this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) throw new VfsError('EISDIR', 'unlink', inner);
      this.#checkLocks(tree, path, call, { parent: true });
      await this.#shared.files.removing(mount, inner, () => mount.driver.unlink(inner, call));
      await this.#removed(location, call.origin);
    });
  }

  async rmdir(path: Path, call: ChangeCall = {}): Promise<void> {
    await this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) throw new VfsError('EBUSY', 'rmdir', inner);
      this.#checkLocks(tree, path, call, { parent: true });
      if (this.#shared.files.newIn(mount, inner).length > 0) throw new VfsError('ENOTEMPTY', 'rmdir', inner);
      await mount.driver.rmdir(inner, call);
      await this.#removed(location, call.origin);
    });
  }

  async removeTree(path: Path, call: ChangeCall = {}): Promise<void> {
    await this.#removeAll(path, call);
  }

  async #removeAll(path: Path, call: ChangeCall, removable?: (location: Location) => Removable): Promise<void> {
    await this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) throw new VfsError('EBUSY', 'remove', inner);
      this.#checkLocks(tree, path, call, { parent: true, below: true });
      try {
        await removeTree(this.#shared.files, mount, inner, call, removable?.(location));
      } catch (error) {
        await this.#emit(location, 'tree', call.origin);
        throw error;
      }
      await this.#removed(location, call.origin);
    });
  }

  async rename(from: Path, to: Path, options: RenameCall = {}): Promise<void> {
    await this.#change(from, (source, tree) =>
      this.#change(to, async (target) => {
        const { mount } = source;
        for (const { path, inner } of [source, target]) {
          if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) throw new VfsError('EBUSY', 'rename', inner);
        }
        if (target.mount !== mount) throw new VfsError('EXDEV', 'rename', target.inner);
        if (from !== to && isWithin(to, from)) throw new VfsError('EINVAL', 'rename', target.inner);
        this.#checkLocks(tree, from, options, { parent: true, below: true });
        this.#checkLocks(tree, to, options, { parent: true, below: true });
        if (options.noReplace && this.#isNew(target)) throw new VfsError('EEXIST', 'rename', target.inner);
        if (from === to) {
          if (!this.#isNew(source)) await mount.driver.stat(source.inner, options);
          if (options.noReplace) throw new VfsError('EEXIST', 'rename', target.inner);
          return;
        }
        await this.#shared.files.moving(mount, source.inner, target.inner, async () => {
          if (mount.driver.rename === undefined) throw new VfsError('ENOTSUP', 'rename', source.inner);
          await mount.driver.rename(source.inner, target.inner, options);
        });
        await this.#moved(source, target, options.origin);
      }),
    );
  }

  async move(from: Path, to: Path, options: RenameCall = {}): Promise<void> {
    try {
      await this.rename(from, to, options);
    } catch (error) {
      if (!isVfsError(error, 'EXDEV', 'ENOTSUP')) throw error;
      this.#checkLocks(this.#tree(), from, options, { parent: true, below: true });
      await moveAcross(this, this.#shared, this.#tree(), from, to, options);
    }
  }

  /** Removes a tree as long as what it holds is what `known` says, by path of the view. */
  async removeOnly(path: Path, known: ReadonlyMap<Path, string>, call: ChangeCall): Promise<void> {
    await this.#removeAll(path, call, (location) => {
      const seen = (inner: Path) => concat(location.path, relativeTo(inner, location.inner));
      return (inner, entry) => known.get(seen(inner)) === stampOf(entry);
    });
  }

  async copy(from: Path, to: Path, options: CopyCall = {}): Promise<Node> {
    if (isWithin(to, from)) throw new VfsError('EINVAL', 'copy', to, { detail: 'a copy into itself' });
    const node = await copyTree(this, from, to, options);
    if (this.#shared.properties.any) {
      const tree = this.#tree();
      const [source, target] = [placeOf(tree.locate(from)), placeOf(tree.locate(to))];
      await this.#shared.properties.copy(source.space, source.path, target.space, target.path);
    }
    return node;
  }

  /** Copies a file inside its storage; undefined where that is not offered and the bytes must pass through us. */
  async copyInside(from: Path, to: Path, call: ChangeCall): Promise<Node | undefined> {
    return this.#change(to, async (target, tree) => {
      const source = tree.locate(from);
      const { driver } = target.mount;
      if (source.mount !== target.mount || driver.copy === undefined) return undefined;
      const created = !(await this.#exists(target, call));
      this.#checkLocks(tree, to, call, { parent: created });
      try {
        const entry = await driver.copy(source.inner, target.inner, call);
        await this.#shared.files.replaced(target.mount, target.inner, entry);
        await this.#emit(target, created ? 'entry' : 'content', call.origin);
        return show(entry, target, tree);
      } catch (error) {
        if (isVfsError(error, 'ENOTSUP')) return undefined;
        throw error;
      }
    });
  }

  async setattr(path: Path, attributes: Attributes, call: ChangeCall = {}): Promise<Node> {
    return this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      this.#checkLocks(tree, path, call, {});
      const open = this.#shared.files.get(mount, inner);
      if (open !== undefined) return show(await open.setattr(attributes, call), location, tree);
      if (mount.driver.setattr === undefined) throw new VfsError('ENOTSUP', 'setattr', inner);
      const entry = await mount.driver.setattr(inner, attributes, call);
      await this.#emit(location, 'content', call.origin);
      return show(entry, location, tree);
    });
  }

  async symlink(path: Path, target: string, call: ChangeCall = {}): Promise<Node> {
    return this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      if (mount.driver.symlink === undefined) throw new VfsError('ENOTSUP', 'symlink', inner);
      if (tree.holdsMounts(path) || this.#isNew(location)) throw new VfsError('EEXIST', 'symlink', inner);
      this.#checkLocks(tree, path, call, { parent: true });
      const entry = await mount.driver.symlink(inner, target, call);
      await this.#emit(location, 'entry', call.origin);
      return show(entry, location, tree);
    });
  }

  async readlink(path: Path, call?: Call): Promise<string> {
    return this.#here(path, async ({ mount, inner }) => {
      if (mount.driver.readlink === undefined) throw new VfsError('EINVAL', 'readlink', inner);
      return mount.driver.readlink(inner, call);
    });
  }

  async link(existing: Path, path: Path, call: ChangeCall = {}): Promise<Node> {
    return this.#change(path, async (location, tree) => {
      const { mount, inner } = location;
      const source = tree.locate(existing);
      if (source.mount !== mount) throw new VfsError('EXDEV', 'link', inner);
      if (mount.driver.link === undefined) throw new VfsError('ENOTSUP', 'link', inner);
      if (tree.holdsMounts(path) || this.#isNew(location)) throw new VfsError('EEXIST', 'link', inner);
      this.#checkLocks(tree, path, call, { parent: true });
      const open = this.#shared.files.get(mount, source.inner);
      await open?.commit(call);
      const entry = await mount.driver.link(source.inner, inner, call);
      await open?.rebase(await mount.driver.stat(source.inner, call));
      await this.#emit(location, 'entry', call.origin);
      await this.#emit(source, 'content', call.origin);
      return show(entry, location, tree);
    });
  }

  async statfs(path: Path, call?: Call): Promise<Space> {
    return this.#here(path, async ({ mount, inner }) => {
      if (mount.driver.statfs === undefined) throw new VfsError('ENOTSUP', 'statfs', inner);
      return mount.driver.statfs(inner, call);
    });
  }

  async open(path: Path, options: OpenOptions): Promise<Handle> {
    const changes = options.write || options.create || options.truncate;
    const open = async (location: Location, tree: Tree) => {
      if (tree.mountAt(path) !== undefined || tree.holdsMounts(path)) {
        throw new VfsError('EISDIR', 'open', location.inner);
      }
      if (changes) this.#checkLocks(tree, path, options, { parent: options.create });
      const allow = () => {
        if (!mayChange(location.mount).allowed) throw new VfsError('EROFS', 'setattr', location.inner);
        this.#checkLocks(tree, path, options, {});
      };
      return openFile(this.#shared, location, options, (entry) => show(entry, location, tree), allow);
    };
    return changes ? this.#change(path, open) : this.#here(path, open);
  }

  async lock(path: Path, request: LockRequest, call: ChangeCall = {}): Promise<Lock> {
    return this.#change(path, async (location, tree) => {
      if (!(await this.#exists(location, call))) this.#checkLocks(tree, parentOf(path), call, {});
      const lock = await this.#shared.locks.take(this.#chain(tree, path), this.principal.name, request);
      return this.#showLock(lock, tree);
    });
  }

  async refreshLock(path: Path, token: string, seconds: number): Promise<Lock> {
    return this.#here(path, async (_, tree) => {
      const chain = this.#chain(tree, path);
      return this.#showLock(await this.#shared.locks.refresh(chain, this.principal.name, token, seconds), tree);
    });
  }

  async unlock(path: Path, token: string): Promise<void> {
    await this.#here(path, async (_, tree) => {
      await this.#shared.locks.release(this.#chain(tree, path), this.principal.name, token);
    });
  }

  locksOn(path: Path, below = false): readonly Lock[] {
    const tree = this.#tree();
    const locks = this.#shared.locks.covering(this.#chain(tree, path));
    if (below) locks.push(...this.#locksBelow(tree, path));
    return locks.map((lock) => this.#showLock(lock, tree));
  }

  async properties(path: Path): Promise<ReadonlyMap<string, string>> {
    const { space, path: inner } = placeOf(this.#tree().locate(path));
    return this.#shared.properties.of(space, inner);
  }

  async propertiesBelow(path: Path): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    if (!this.#shared.properties.any) return new Map();
    const { space, path: inner } = placeOf(this.#tree().locate(path));
    const below = this.#shared.properties.below(space, inner);
    return new Map([...below].map(([child, properties]) => [nameOf(child as Path), properties]));
  }

  async setProperties(
    path: Path,
    set: ReadonlyMap<string, string>,
    remove: ReadonlySet<string>,
    call: ChangeCall = {},
  ): Promise<void> {
    await this.#change(path, async (location, tree) => {
      this.#checkLocks(tree, path, call, {});
      const { space, path: inner } = placeOf(location);
      await this.#shared.properties.change(space, inner, set, remove);
    });
  }

  onChange(listener: ChangeListener<ViewChange>): () => void {
    return this.#shared.changes.on(({ space, path, kind, origin }) => {
      const seen = this.#tree().pathOf(space, path);
      return seen === undefined ? undefined : listener({ path: seen, kind, origin });
    });
  }

  /** Runs `act` at a path, and makes the paths of what it throws paths of this view. */
  async #here<T>(path: Path, act: (location: Location, tree: Tree) => Promise<T>): Promise<T> {
    const tree = this.#tree();
    const location = tree.locate(path);
    try {
      return await act(location, tree);
    } catch (error) {
      throw relocate(error, location, tree);
    }
  }

  /** The same for what changes something there. */
  async #change<T>(path: Path, act: (location: Location, tree: Tree) => Promise<T>): Promise<T> {
    return this.#here(path, async (location, tree) => {
      if (!mayChange(location.mount).allowed) throw new VfsError('EROFS', 'change', location.inner);
      return act(location, tree);
    });
  }

  async #exists(location: Location, call: Call): Promise<boolean> {
    try {
      await location.mount.driver.stat(location.inner, { signal: call.signal });
      return true;
    } catch (error) {
      if (isVfsError(error, 'ENOENT')) return false;
      throw error;
    }
  }

  #isNew({ mount, inner }: Location): boolean {
    return this.#shared.files.get(mount, inner)?.isNew ?? false;
  }

  async #removed(location: Location, origin: object | undefined): Promise<void> {
    const place = placeOf(location);
    await this.#shared.locks.removeTree(place);
    if (this.#shared.properties.any) await this.#shared.properties.removeTree(place.space, place.path);
    await this.#emit(location, 'entry', origin);
  }

  async #moved(source: Location, target: Location, origin: object | undefined): Promise<void> {
    const [from, to] = [placeOf(source), placeOf(target)];
    await this.#shared.locks.removeTree(from);
    await this.#shared.locks.removeTree(to);
    if (this.#shared.properties.any) await this.#shared.properties.move(from.space, from.path, to.space, to.path);
    await this.#emit(source, 'entry', origin);
    await this.#emit(target, 'entry', origin);
  }

  #emit({ mount, inner }: Location, kind: 'entry' | 'content' | 'tree', origin: object | undefined): Promise<void> {
    return this.#shared.changes.emit({ space: mount.space, path: inner, kind, origin });
  }

  /** Every place that contains the path, itself first, across mounts. */
  #chain(tree: Tree, path: Path): Place[] {
    const chain = [placeOf(tree.locate(path))];
    for (let above = path; above !== ROOT; ) {
      above = parentOf(above);
      chain.push(placeOf(tree.locate(above)));
    }
    return chain;
  }

  /**
   * RFC 4918 §7: a locked thing is changed only with its token; adding or removing a member (`parent`) changes the
   * folder, and removing or replacing a folder (`below`) changes everything in it.
   */
  #checkLocks(
    tree: Tree,
    path: Path,
    { tokens }: ChangeCall,
    scope: { parent?: boolean | undefined; below?: boolean | undefined },
  ): void {
    const { locks } = this.#shared;
    const concerned = locks.covering(this.#chain(tree, path));
    if (scope.parent) concerned.push(...locks.covering(this.#chain(tree, parentOf(path))));
    if (scope.below) concerned.push(...this.#locksBelow(tree, path));
    const lock = locks.inTheWay(concerned, this.principal.name, tokens);
    if (lock === undefined) return;
    // The lock may be on another mount than the change, or on a place that this view does not show.
    const locked = new VfsError('ELOCKED', 'lock', tree.pathOf(lock.space, lock.path) ?? path);
    relocated.add(locked);
    throw locked;
  }

  #locksBelow(tree: Tree, path: Path): HeldLock[] {
    const places = [placeOf(tree.locate(path))];
    for (const mount of tree.mounts) {
      if (mount.at !== path && isWithin(mount.at, path)) places.push({ space: mount.space, path: ROOT });
    }
    return places.flatMap((place) => this.#shared.locks.below(place));
  }

  #showLock(lock: HeldLock, tree: Tree): Lock {
    const { token, scope, deep, holder, owner, expires } = lock;
    return { token, scope, deep, holder, owner, expires, path: tree.pathOf(lock.space, lock.path) ?? lock.path };
  }
}

function placeOf({ mount, inner }: Location): Place {
  return { space: mount.space, path: inner };
}

function show(entry: Entry, { path, mount }: Location, tree: Tree): Node {
  return {
    ...entry,
    name: nameOf(path),
    writable: mayChange(mount).allowed,
    mountPoint: tree.mountAt(path) !== undefined,
    device: mount.device,
  };
}

/** Errors whose path is of a view already: a call within a call would move it twice. */
const relocated = new WeakSet<VfsError>();

/** An error of a storage, with the path where the view has it. */
function relocate(error: unknown, { mount, path }: Location, tree: Tree): unknown {
  if (!isVfsError(error) || relocated.has(error)) return error;
  const shown = typeof error.path === 'string' && error.path.startsWith('/') ? (error.path as Path) : undefined;
  const there = shown === undefined ? path : (tree.pathOf(mount.space, shown) ?? path);
  const moved =
    there === error.path
      ? error
      : new VfsError(error.code, error.op, there, {
          cause: error,
          ...(error.detail === undefined ? {} : { detail: error.detail }),
        });
  relocated.add(moved);
  return moved;
}
