import mime from 'mime';
import type { Bytes, Call } from '../../src/core/bytes.js';
import type { Attributes, Entry } from '../../src/core/entry.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import { nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import type { Content, Driver, DriverContext, GetOptions, PutOptions, RenameOptions, Traits } from '../driver.js';
import { children } from './children.js';
import { COPY_LIMITS, type CopyLimits, copyObject } from './copying.js';
import { download, notFile } from './download.js';
import type { Where } from './errors.js';
import { Keys } from './keys.js';
import { keptTime, timeHeader } from './objects.js';
import type { S3Options } from './options.js';
import { MAX_FILE } from './parts.js';
import { purgeUploads } from './purge.js';
import { remove, rename } from './renaming.js';
import { S3Client } from './requests.js';
import { Tree } from './tree.js';
import { conditionally, upload } from './upload.js';

/** One bucket, or one folder of it, as a tree of files; README.md beside this file says what it can and cannot do. */
export class S3Driver implements Driver {
  readonly traits: Traits = {
    kind: 's3',
    mtimeStep: 0.001,
    // Single puts are decided by the storage where it knows conditions, but parts are not everywhere.
    atomicConditions: false,
    atomicRename: false,
    caseSensitive: true,
    permissions: false,
    entryWithContent: true,
    renamesByCopy: true,
    maxFileSize: MAX_FILE,
  };
  readonly #tree: Tree;
  readonly #options: S3Options;
  readonly #limits: CopyLimits;

  constructor(options: S3Options, { credentials, log }: DriverContext, limits: CopyLimits = COPY_LIMITS) {
    this.#options = options;
    this.#limits = limits;
    this.#tree = new Tree(new S3Client(options, credentials), new Keys(options.prefix, log), log);
  }

  async stat(path: Path, call?: Call): Promise<Entry> {
    const where = at('stat', path, call);
    const found = await this.#tree.find(path, where);
    if (found !== undefined) return found.entry;
    const folder = await this.#tree.folder(path, where);
    if (folder !== undefined) return folder;
    throw await this.#tree.missing(path, where);
  }

  async *list(path: Path, call?: Call): AsyncIterable<readonly Entry[]> {
    yield* children(this.#tree, at('list', path, call));
  }

  async get(path: Path, options: GetOptions = {}): Promise<Content> {
    const where = at('get', path, options);
    if (path === ROOT) throw new VfsError('EISDIR', 'get', path);
    return download(this.#tree, options, where);
  }

  async put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    const where = at('put', path, options);
    if (path === ROOT) throw new VfsError('EISDIR', 'put', path);
    const tree = this.#tree;
    const key = tree.keys.file(path, where);
    const mtime = keptTime(options.mtime ?? Date.now());
    const type = mime.getType(nameOf(path)) ?? 'application/octet-stream';
    const conditional = options.ifMatch !== undefined || options.ifNoneMatch !== undefined;
    const place = tree.requirePlace(path, where);
    const early = conditional ? this.#requireConditions(path, options, where) : Promise.resolve();
    const checks = Promise.all([place, early]);
    checks.catch(() => {});
    const plan = {
      key,
      headers: { 'content-type': type, ...timeHeader(mtime) },
      partSize: this.#options.partSize,
      size: options.size,
      conditions: tree.conditions(conditionHeaders(options)),
      allowed: checks,
      commit: async <T>(publish: () => Promise<T>) => {
        if (!conditional) return publish();
        // Once more, since a body may take hours; and one at a time, so that of our own writers only one wins.
        return tree.turns.take(path, async () => {
          await this.#requireConditions(path, options, where);
          return publish();
        });
      },
    };
    const { size, etag } = await upload(tree.client, body, plan, tree.log, where);
    tree.noteTime(key, { etag, mtime });
    return { name: nameOf(path), kind: 'file', size, mtime, etag };
  }

  async mkdir(path: Path, call?: Call): Promise<void> {
    const where = at('mkdir', path, call);
    if (path === ROOT) throw new VfsError('EEXIST', 'mkdir', path);
    const tree = this.#tree;
    await tree.turns.take(path, async () => {
      const [file, folder] = await Promise.all([
        tree.find(path, where),
        tree.isFolder(path, where),
        tree.requireParent(path, where),
      ]);
      if (file !== undefined || folder) throw new VfsError('EEXIST', 'mkdir', path);
      try {
        const conditions = tree.conditions({ 'if-none-match': '*' });
        await conditionally(conditions, (headers) => tree.mark(path, where, { conditions: headers }));
      } catch (error) {
        throw isVfsError(error, 'EPRECONDITION') ? new VfsError('EEXIST', 'mkdir', path, { cause: error }) : error;
      }
    });
  }

  async unlink(path: Path, call?: Call): Promise<void> {
    const where = at('unlink', path, call);
    if (path === ROOT) throw new VfsError('EISDIR', 'unlink', path);
    const tree = this.#tree;
    if ((await tree.find(path, where)) === undefined) throw await notFile(tree, where);
    await remove(tree, tree.keys.file(path, where), where);
    await tree.keep(parentOf(path), where);
  }

  async rmdir(path: Path, call?: Call): Promise<void> {
    const where = at('rmdir', path, call);
    if (path === ROOT) throw new VfsError('EBUSY', 'rmdir', path);
    const tree = this.#tree;
    const [file, keys] = await Promise.all([tree.find(path, where), tree.first(path, 2, where)]);
    if (file !== undefined) throw new VfsError('ENOTDIR', 'rmdir', path);
    if (keys.length === 0) throw await tree.missing(path, where);
    const marker = tree.keys.folder(path, where);
    if (keys.some(({ key }) => key !== marker)) throw new VfsError('ENOTEMPTY', 'rmdir', path);
    tree.forgetFolders();
    await remove(tree, marker, where);
    await tree.keep(parentOf(path), where);
  }

  async rename(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    const where = at('rename', from, options);
    if (from === ROOT || to === ROOT) throw new VfsError('EBUSY', 'rename', from);
    await rename(this.#tree, from, to, options, this.#limits, where);
  }

  async copy(from: Path, to: Path, call?: Call): Promise<Entry> {
    const where = at('copy', from, call);
    const tree = this.#tree;
    if (to === ROOT) throw new VfsError('EISDIR', 'copy', to);
    const [found] = await Promise.all([tree.find(from, where), tree.requirePlace(to, { ...where, path: to })]);
    if (found === undefined) throw await notFile(tree, where);
    const { mtime } = found.entry;
    if (from === to) return found.entry;
    const [source, target] = [tree.keys.file(from, where), tree.keys.file(to, where)];
    const { size, etag } = await copyObject(tree, source, target, found, mtime, this.#limits, where);
    tree.noteTime(target, { etag, mtime });
    return { name: nameOf(to), kind: 'file', size, mtime, etag };
  }

  /** Keeps `mtime`, of files by a copy in place and of folders in their marker; nothing else. */
  async setattr(path: Path, attributes: Attributes, call?: Call): Promise<Entry> {
    const where = at('setattr', path, call);
    const tree = this.#tree;
    const { mtime, ...others } = attributes;
    const found = await tree.find(path, where);
    const folder = found === undefined ? await tree.folder(path, where) : undefined;
    if (found === undefined && folder === undefined) throw await tree.missing(path, where);
    if (Object.values(others).some((value) => value !== undefined)) throw new VfsError('ENOTSUP', 'setattr', path);
    if (found === undefined) {
      if (mtime === undefined) return folder!;
      if (path === ROOT) throw new VfsError('ENOTSUP', 'setattr', path);
      await tree.mark(path, where, { mtime });
      return tree.folderNamed(nameOf(path), tree.keys.folder(path, where));
    }
    if (mtime === undefined || (found.keepsTime && found.entry.mtime === keptTime(mtime))) return found.entry;
    const key = tree.keys.file(path, where);
    const { etag } = await copyObject(tree, key, key, found, mtime, this.#limits, where);
    const entry = { ...found.entry, etag, mtime: keptTime(mtime) };
    tree.noteTime(key, entry);
    return entry;
  }

  /** Gives up unfinished uploads, ours and anybody's below the prefix: their parts cost room and are seen nowhere. */
  async purge(olderThan: number, call?: Call): Promise<number> {
    return purgeUploads(this.#tree, olderThan, at('purge', ROOT, call));
  }

  async close(): Promise<void> {
    await this.#tree.client.close();
  }

  async #requireConditions(path: Path, { ifMatch, ifNoneMatch }: PutOptions, where: Where): Promise<void> {
    const etag = (await this.#tree.find(path, where))?.entry.etag;
    const holds = (ifMatch === undefined || ifMatch === etag) && (ifNoneMatch === undefined || etag === undefined);
    if (!holds) throw new VfsError('EPRECONDITION', where.op, path);
  }
}

function at(op: string, path: Path, call: Call | undefined): Where {
  if (call?.signal?.aborted) throw new VfsError('ECANCELED', op, path);
  return { op, path, signal: call?.signal };
}

function conditionHeaders({ ifMatch, ifNoneMatch }: PutOptions): Record<string, string> {
  const headers: Record<string, string> = {};
  // Without quotes: Amazon and Ceph 16 compare it so; Ceph 16 takes quotes for a part of it.
  if (ifMatch !== undefined) headers['if-match'] = ifMatch;
  if (ifNoneMatch !== undefined) headers['if-none-match'] = ifNoneMatch;
  return headers;
}
