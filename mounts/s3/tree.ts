import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import type { Where } from './errors.js';
import type { Keys } from './keys.js';
import { type ListedObject, listPage } from './listing.js';
import { type Found, find, keptTime, timeHeader } from './objects.js';
import { Recent } from './recent.js';
import type { S3Client } from './requests.js';
import { Turns } from './turns.js';
import type { Conditions } from './upload.js';

/** How long a folder is taken for granted after it was seen. */
const FOLDER_MS = 10_000;

/** What was seen of a path lately: a folder with its marker, one without, or no folder. */
type FolderState = 'marked' | 'implied' | 'none';

/**
 * Folders where there are none: what a path is, whether its parent is there, and that a folder outlives its last child.
 *
 * A folder is there when any key begins with its path and a slash. `mkdir` makes such a key, its marker, with no
 * content. A file and a folder of one name can only be made by others; then the file is what is there.
 */
export class Tree {
  readonly client: S3Client;
  readonly keys: Keys;
  readonly log: Logger;
  /** One at a time of what must look before it writes. */
  readonly turns = new Turns();
  readonly #folders = new Recent<FolderState>(10_000, FOLDER_MS);
  /** Counts what we changed of folders: what was asked before a change tells nothing after it. */
  #changes = 0;
  /** Modification times that listings do not tell, by key. */
  readonly #times = new Recent<{ readonly etag: string; readonly mtime: number }>(50_000, Number.POSITIVE_INFINITY);
  readonly #born = Date.now();
  #conditional = true;

  constructor(client: S3Client, keys: Keys, log: Logger) {
    this.client = client;
    this.keys = keys;
    this.log = log;
  }

  /** The file at `path`; undefined when there is none. */
  async find(path: Path, where: Where): Promise<Found | undefined> {
    if (path === ROOT) return undefined;
    const key = this.keys.file(path, where);
    const found = await find(this.client, key, { ...where, path });
    if (found?.keepsTime) this.noteTime(key, found.entry);
    return found;
  }

  /** Whether `path` is a folder, by its keys alone. */
  async isFolder(path: Path, where: Where): Promise<boolean> {
    const first = await this.first(path, 1, where);
    return path === ROOT || first.length > 0;
  }

  /** The first keys of a folder, its marker before all others. */
  async first(path: Path, limit: number, where: Where): Promise<readonly ListedObject[]> {
    const prefix = this.keys.folder(path, where);
    const changes = this.#changes;
    const { objects, unreadable } = await listPage(this.client, { prefix, limit }, where);
    if (changes === this.#changes && (objects.length > 0 || unreadable === 0)) {
      const [first] = objects;
      this.#folders.set(path, first === undefined ? 'none' : first.key === prefix ? 'marked' : 'implied');
    }
    return objects;
  }

  /**
   * Fails unless the parent of `path` is a folder.
   * @throws VfsError ENOENT, ENOTDIR
   */
  async requireParent(path: Path, where: Where): Promise<void> {
    const parent = parentOf(path);
    if (this.#seen(parent)) return;
    const [file, folder] = await Promise.all([this.find(parent, where), this.isFolder(parent, where)]);
    if (file !== undefined) throw new VfsError('ENOTDIR', where.op, where.path);
    if (!folder) throw await this.missing(path, where);
  }

  /** Why there is nothing at `path`: ENOENT, or ENOTDIR below a file. To be thrown. */
  async missing(path: Path, where: Where): Promise<VfsError> {
    const ancestors: Path[] = [];
    for (let at = parentOf(path); !this.#seen(at); at = parentOf(at)) ancestors.push(at);
    const files = await Promise.all(ancestors.map((at) => this.find(at, where)));
    const below = files.some((file) => file !== undefined);
    return new VfsError(below ? 'ENOTDIR' : 'ENOENT', where.op, where.path);
  }

  /** Makes the marker of a folder, or makes it again with another time. */
  async mark(
    path: Path,
    where: Where,
    { mtime = Date.now(), conditions = {} }: { mtime?: number; conditions?: Readonly<Record<string, string>> } = {},
  ): Promise<void> {
    const key = this.keys.folder(path, where);
    const kept = keptTime(mtime);
    const headers = { 'content-type': 'application/x-directory', ...timeHeader(kept), ...conditions };
    const { etag } = await this.client.run({ method: 'PUT', key, headers, body: Buffer.alloc(0) }, where);
    this.noteTime(key, { etag, mtime: kept });
    this.#changes += 1;
    this.#folders.set(path, 'marked');
  }

  /** Sees to it that a folder is still there after a child of it went. */
  async keep(path: Path, where: Where): Promise<void> {
    if (path === ROOT || this.#folders.get(path) === 'marked') return;
    if ((await this.first(path, 1, where)).length === 0) await this.mark(path, where);
  }

  /** Drops what is believed of folders, after one of them went. */
  forgetFolders(): void {
    this.#changes += 1;
    this.#folders.clear();
  }

  /**
   * Fails unless a file may stand at `path`: its parent is a folder and it is none itself, or it is a file already,
   * which wins over a folder of its name.
   * @throws VfsError ENOENT, ENOTDIR, EISDIR
   */
  async requirePlace(path: Path, where: Where): Promise<void> {
    const none = this.#folders.get(path) === 'none';
    const [folder] = await Promise.all([!none && this.isFolder(path, where), this.requireParent(path, where)]);
    if (folder && (await this.find(path, where)) === undefined) throw new VfsError('EISDIR', where.op, path);
  }

  #seen(path: Path): boolean {
    if (path === ROOT) return true;
    const state = this.#folders.get(path);
    return state === 'marked' || state === 'implied';
  }

  /** A folder as `stat` shows it; undefined when there is none. */
  async folder(path: Path, where: Where): Promise<Entry | undefined> {
    const [first] = await this.first(path, 1, where);
    if (first === undefined && path !== ROOT) return undefined;
    const key = this.keys.folder(path, where);
    if (first?.key === key && key !== '' && this.#times.get(key) === undefined) {
      const marker = await find(this.client, key, where);
      if (marker !== undefined) this.noteTime(key, marker.entry);
    }
    return this.folderNamed(nameOf(path), key);
  }

  /** Folders have the time of their marker, where we have seen it; the start of the driver stands for all others. */
  folderNamed(name: string, key: string): Entry {
    return { name, kind: 'directory', size: 0, mtime: this.#times.get(key)?.mtime ?? this.#born, etag: '' };
  }

  noteTime(key: string, { etag, mtime }: Pick<Entry, 'etag' | 'mtime'>): void {
    this.#times.set(key, { etag, mtime });
  }

  /** The kept modification time of a listed object, where we know it; else the time of its upload. */
  timeOf({ key, etag, mtime }: ListedObject): number {
    const noted = this.#times.get(key);
    return noted?.etag === etag ? noted.mtime : mtime;
  }

  /** Headers that make a write conditional, until the server says that it knows no such thing. */
  conditions(headers: Readonly<Record<string, string>>): Conditions {
    return {
      headers: () => (this.#conditional ? headers : {}),
      refused: () => {
        this.#conditional = false;
      },
    };
  }
}
