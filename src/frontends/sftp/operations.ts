import type { Space } from '../../core/entry.js';
import { isVfsError, VfsError } from '../../core/errors.js';
import { type Path, ROOT } from '../../core/path.js';
import type { Node, View } from '../../vfs/view.js';
import { newMode, toChange } from './attributes.js';
import type { WireAttributes } from './codec.js';
import { followLinks, throughLinks } from './links.js';
import { alone, type OpenFile, type OpenFiles } from './open-files.js';

/**
 * What requests that name a path do. The session sees its own unfinished files as if they were there already; all
 * else is the view's.
 */
export class Operations {
  readonly #view: View;
  readonly #files: OpenFiles;
  readonly #origin: object;
  /** Ends looking, not changing, when the client is gone. */
  readonly #call: { readonly signal: AbortSignal };

  constructor(view: View, files: OpenFiles, origin: object, signal: AbortSignal) {
    this.#view = view;
    this.#files = files;
    this.#origin = origin;
    this.#call = { signal };
  }

  /** @param follow  STAT follows a link in the last name, LSTAT does not; both follow those before it */
  async stat(path: Path, follow: boolean): Promise<Node> {
    return (await this.#find(path, follow)).node;
  }

  /** Where `path` leads when its links are followed, as OpenSSH has it; clients ask for it before they trust a path. What
   *  is not there is taken as it is written. */
  async realpath(path: Path): Promise<Path> {
    return await followLinks(this.#view, path, true, this.#call).catch((error: unknown) => {
      if (isVfsError(error, 'ENOENT', 'ENOTDIR')) return path;
      throw error;
    });
  }

  /** SETSTAT by path; `size` truncates or extends. Nothing is changed when a part of it is refused. */
  async setattr(path: Path, attrs: WireAttributes, follow: boolean): Promise<void> {
    const { at, node } = await this.#find(path, follow);
    const own = this.#files.own(at);
    if (own !== undefined) return await this.setFile(own, attrs);
    const change = toChange(attrs, node, at);
    if (attrs.size !== undefined && attrs.size !== node.size) {
      const handle = await this.#view.open(at, { read: true, write: true, origin: this.#origin, sharing: 'private' });
      try {
        await handle.truncate(attrs.size);
        if (change !== undefined) await handle.setattr(change);
        await handle.commit();
      } finally {
        await handle.close();
      }
    } else if (change !== undefined) {
      await this.#view.setattr(at, change, { origin: this.#origin });
    }
  }

  /** FSETSTAT: what is set is kept with the content at the next commit. */
  async setFile(file: OpenFile, attrs: WireAttributes): Promise<void> {
    await alone(file, async () => {
      const node = await file.handle.stat();
      const change = toChange(attrs, node, file.path);
      if (attrs.size !== undefined && attrs.size !== node.size) await file.handle.truncate(attrs.size);
      if (change !== undefined) await file.handle.setattr(change);
      file.fresh = false;
    });
  }

  async remove(path: Path): Promise<void> {
    await this.#on(path, async (at) => {
      const own = this.#files.own(at);
      await this.#files.keep(at);
      try {
        await this.#view.unlink(at, { origin: this.#origin });
      } catch (error) {
        // A file that this session is still making is not at the storage: giving it up removes it.
        if (own === undefined || !isVfsError(error, 'ENOENT')) throw error;
      }
      this.#files.forget(at);
    });
  }

  async mkdir(path: Path, attrs: WireAttributes): Promise<void> {
    await this.#on(path, async (at) => {
      const node = await this.#view.mkdir(at, { origin: this.#origin });
      const { permissions } = attrs;
      // A folder's mode in MKDIR is a wish under the server's umask (sftp-server masks it too), so a storage without
      // permissions makes the folder all the same; a SETSTAT after it would be refused.
      if (permissions === undefined || node.mode === undefined) return;
      const mode = newMode(permissions);
      if (mode !== node.mode) await this.#view.setattr(at, { mode }, { origin: this.#origin });
    });
  }

  async rmdir(path: Path): Promise<void> {
    await this.#on(path, (at) => this.#view.rmdir(at, { origin: this.#origin }));
  }

  /** @param replace  posix-rename replaces a file at `to`; RENAME of version 3 fails (§6.5) */
  async rename(from: Path, to: Path, replace: boolean): Promise<void> {
    await this.#on(from, (source) =>
      this.#on(to, async (target) => {
        if (!replace && source !== target && this.#files.own(target) !== undefined) {
          throw new VfsError('EEXIST', 'rename', target);
        }
        await this.#files.settle(source);
        await this.#view.move(source, target, { noReplace: !replace, origin: this.#origin });
        if (source === target) return;
        this.#files.forget(target);
        await this.#files.follow(source, target);
      }),
    );
  }

  async readlink(path: Path): Promise<string> {
    return await this.#on(path, (at) => this.#view.readlink(at, this.#call));
  }

  async symlink(path: Path, target: string): Promise<void> {
    await this.#on(path, async (at) => {
      if (this.#files.own(at) !== undefined) throw new VfsError('EEXIST', 'symlink', at);
      await this.#view.symlink(at, target, { origin: this.#origin });
    });
  }

  async link(existing: Path, path: Path): Promise<void> {
    await this.#on(existing, (source) =>
      this.#on(path, async (target) => {
        await this.#files.settle(source);
        await this.#view.link(source, target, { origin: this.#origin });
      }),
    );
  }

  async statfs(path: Path): Promise<Space> {
    return await throughLinks(
      this.#view,
      path,
      true,
      async (at) => {
        // A file in the making has no place at the storage yet; its folder has the same room.
        const there = this.#files.own(at) === undefined ? at : ((at.slice(0, at.lastIndexOf('/')) || ROOT) as Path);
        return await this.#view.statfs(there, this.#call);
      },
      this.#call,
    );
  }

  async #find(path: Path, follow: boolean): Promise<{ readonly at: Path; readonly node: Node }> {
    const look = async (at: Path) => ({ at, node: await this.#files.stat(at, this.#call) });
    const found = await throughLinks(this.#view, path, follow, look, this.#call);
    if (found.node.kind !== 'symlink' || !follow) return found;
    return await look(await followLinks(this.#view, found.at, true, this.#call));
  }

  /** Links before the last name are followed, the last is not: what changes names works on the link itself. */
  #on<T>(path: Path, work: (path: Path) => Promise<T>): Promise<T> {
    return throughLinks(this.#view, path, false, work, this.#call);
  }
}
