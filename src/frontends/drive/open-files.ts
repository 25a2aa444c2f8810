import { VfsError } from '../../core/errors.js';
import type { Handle } from '../../vfs/handle.js';
import type { Node } from '../../vfs/view.js';
import type { Inode } from './inodes.js';

/** What one open(2) gave, until its last descriptor is closed. */
export interface OpenFile {
  readonly inode: Inode;
  readonly handle: Handle;
  readonly writable: boolean;
}

/** The kernel's file handles. */
export class OpenFiles {
  readonly #byNumber = new Map<number, OpenFile>();
  readonly #byInode = new Map<Inode, Set<OpenFile>>();
  #next = 1;

  get size(): number {
    return this.#byNumber.size;
  }

  add(file: OpenFile): number {
    const number = this.#next++;
    this.#byNumber.set(number, file);
    const others = this.#byInode.get(file.inode);
    if (others === undefined) this.#byInode.set(file.inode, new Set([file]));
    else others.add(file);
    file.inode.opened++;
    if (file.writable) file.inode.writers++;
    return number;
  }

  /** @throws VfsError EBADF */
  get(number: number): OpenFile {
    const file = this.#byNumber.get(number);
    if (file === undefined) throw new VfsError('EBADF', 'drive', `handle ${number}`);
    return file;
  }

  remove(number: number): OpenFile | undefined {
    const file = this.#byNumber.get(number);
    if (file === undefined) return undefined;
    this.#byNumber.delete(number);
    const others = this.#byInode.get(file.inode);
    others?.delete(file);
    if (others?.size === 0) this.#byInode.delete(file.inode);
    file.inode.opened--;
    if (file.writable) file.inode.writers--;
    return file;
  }

  /** A file that is open on this node, one that may write if there is one. */
  on(inode: Inode): OpenFile | undefined {
    const files = [...(this.#byInode.get(inode) ?? [])];
    return files.find(({ writable }) => writable) ?? files[0];
  }

  all(): OpenFile[] {
    return [...this.#byNumber.values()];
  }
}

/** Which content a node has, to compare with; where the storage has no etag, size and time must do. */
export function contentOf(node: Node): string {
  return node.etag === '' ? `${node.size} ${node.mtime}` : node.etag;
}
