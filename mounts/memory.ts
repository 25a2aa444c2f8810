import * as v from 'valibot';
import type { Bytes, Call } from '../src/core/bytes.js';
import { cancellable, refuseFired } from '../src/core/cancel.js';
import type { Attributes, Entry, Space } from '../src/core/entry.js';
import { fromNodeError, VfsError } from '../src/core/errors.js';
import { isWithin, nameOf, type Path, parentOf, ROOT, segments } from '../src/core/path.js';
import {
  type Driver,
  type DriverKind,
  type GetOptions,
  type OpenFile,
  type PutOptions,
  type RenameOptions,
  type Replacement,
  type ReplaceOptions,
  TEMPORARY_PREFIX,
  type Traits,
} from './driver.js';

/** What all nodes have; a node is what an inode is on a disk, names lie in the folders. */
interface Common {
  readonly id: string;
  mode: number;
  uid: number;
  gid: number;
  mtime: number;
  atime: number;
  ctime: number;
  readonly birthtime: number;
  links: number;
}
interface File extends Common {
  readonly kind: 'file';
  /** Never changed in place, so whoever holds it holds a snapshot. */
  content: Uint8Array;
  version: string;
}
interface Folder extends Common {
  readonly kind: 'directory';
  readonly children: Map<string, Node>;
}
interface Link extends Common {
  readonly kind: 'symlink';
  readonly target: string;
}
type Node = File | Folder | Link;

const CHUNK = 256 * 1024;
const PAGE = 1000;

/**
 * A storage in memory: the model that the conformance suite is held against, and the fastest storage for tests.
 * It does all that a driver can do, forgets everything at `close`, and decides every condition at once because
 * nothing here waits between looking and changing.
 */
export class MemoryDriver implements Driver {
  readonly traits: Traits = {
    kind: 'memory',
    mtimeStep: 0.001,
    atomicConditions: true,
    atomicRename: true,
    caseSensitive: true,
    permissions: true,
  };
  readonly #capacity: number | undefined;
  #root: Folder;
  #serial = 0;
  #closed = false;

  /** @param options.capacity  bytes of content it takes before it answers ENOSPC */
  constructor(options: { readonly capacity?: number } = {}) {
    this.#capacity = options.capacity;
    this.#root = this.#folder();
  }

  async stat(path: Path, call?: Call): Promise<Entry> {
    this.#begin('stat', path, call);
    return describe(nameOf(path), this.#find('stat', path));
  }

  async *list(path: Path, call?: Call): AsyncIterable<readonly Entry[]> {
    this.#begin('list', path, call);
    const folder = this.#asFolder('list', path, this.#find('list', path));
    const entries = Array.from(folder.children, ([name, node]) => describe(name, node));
    for (let at = 0; at < entries.length; at += PAGE) {
      this.#begin('list', path, call);
      yield entries.slice(at, at + PAGE);
    }
  }

  async get(path: Path, options: GetOptions = {}): Promise<Bytes> {
    this.#begin('get', path, options);
    const file = this.#asFile('get', path, this.#find('get', path));
    if (options.ifMatch !== undefined && options.ifMatch !== file.version) {
      throw new VfsError('EPRECONDITION', 'get', path);
    }
    const content = file.content;
    const start = options.start ?? 0;
    const end = Math.min(options.end ?? content.length, content.length);
    if (start > content.length) throw new VfsError('ERANGE', 'get', path);
    const begin = () => this.#begin('get', path, options);
    return (async function* () {
      for (let at = start; at < end; at += CHUNK) {
        begin();
        yield Uint8Array.from(content.subarray(at, Math.min(at + CHUNK, end)));
      }
    })();
  }

  async put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    this.#begin('put', path, options);
    this.#check('put', path, options);
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for await (const chunk of cancellable(body, options.signal, 'put', path)) {
        size += chunk.length;
        if (options.size !== undefined && size > options.size) break;
        if (size > (this.#capacity ?? size)) throw new VfsError('ENOSPC', 'put', path);
        chunks.push(chunk);
      }
    } catch (error) {
      throw fromNodeError(error, 'put', path);
    }
    if (options.size !== undefined && size !== options.size) {
      throw new VfsError('EINVAL', 'put', path, { detail: 'the body has another length than was said' });
    }
    this.#begin('put', path, options);
    return this.#place('put', path, Buffer.concat(chunks, size), options);
  }

  async mkdir(path: Path, call?: Call): Promise<void> {
    this.#begin('mkdir', path, call);
    this.#add('mkdir', path, this.#folder());
  }

  async unlink(path: Path, call?: Call): Promise<void> {
    this.#begin('unlink', path, call);
    const node = this.#find('unlink', path);
    if (node.kind === 'directory') throw new VfsError('EISDIR', 'unlink', path);
    this.#drop('unlink', path, node);
  }

  async rmdir(path: Path, call?: Call): Promise<void> {
    this.#begin('rmdir', path, call);
    if (path === ROOT) throw new VfsError('EBUSY', 'rmdir', path);
    const node = this.#find('rmdir', path);
    if (node.kind !== 'directory') throw new VfsError('ENOTDIR', 'rmdir', path);
    if (node.children.size > 0) throw new VfsError('ENOTEMPTY', 'rmdir', path);
    this.#drop('rmdir', path, node);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#root = this.#folder();
  }

  async rename(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    this.#begin('rename', from, options);
    this.#begin('rename', to, options);
    if (from === ROOT || to === ROOT) throw new VfsError('EBUSY', 'rename', ROOT);
    const node = this.#find('rename', from);
    const folder = this.#parent('rename', to);
    const target = folder.children.get(nameOf(to));
    if (target !== undefined && options.noReplace) throw new VfsError('EEXIST', 'rename', to);
    if (target === node) return;
    if (node.kind === 'directory') {
      if (isWithin(to, from)) throw new VfsError('EINVAL', 'rename', to, { detail: 'a folder cannot go into itself' });
      if (target !== undefined && target.kind !== 'directory') throw new VfsError('ENOTDIR', 'rename', to);
      if (target !== undefined && target.children.size > 0) throw new VfsError('ENOTEMPTY', 'rename', to);
    } else if (target?.kind === 'directory') throw new VfsError('EISDIR', 'rename', to);
    if (target !== undefined) this.#drop('rename', to, target);
    const source = this.#parent('rename', from);
    source.children.delete(nameOf(from));
    folder.children.set(nameOf(to), node);
    source.mtime = folder.mtime = source.ctime = folder.ctime = node.ctime = Date.now();
  }

  async copy(from: Path, to: Path, call?: Call): Promise<Entry> {
    this.#begin('copy', from, call);
    this.#begin('copy', to, call);
    const file = this.#asFile('copy', from, this.#find('copy', from));
    return this.#place('copy', to, file.content, { mode: file.mode });
  }

  async setattr(path: Path, attributes: Attributes, call?: Call): Promise<Entry> {
    this.#begin('setattr', path, call);
    const node = this.#find('setattr', path);
    const { mode, uid, gid, mtime, atime } = attributes;
    if (mode !== undefined && node.kind === 'symlink') throw new VfsError('ENOTSUP', 'setattr', path);
    if (mode !== undefined) node.mode = mode & 0o7777;
    if (uid !== undefined) node.uid = uid;
    if (gid !== undefined) node.gid = gid;
    if (mtime !== undefined) node.mtime = mtime;
    if (atime !== undefined) node.atime = atime;
    node.ctime = Date.now();
    return describe(nameOf(path), node);
  }

  async symlink(path: Path, target: string, call?: Call): Promise<Entry> {
    this.#begin('symlink', path, call);
    return this.#add('symlink', path, { ...this.#common(0o777), kind: 'symlink', target });
  }

  async readlink(path: Path, call?: Call): Promise<string> {
    this.#begin('readlink', path, call);
    const node = this.#find('readlink', path);
    if (node.kind !== 'symlink') throw new VfsError('EINVAL', 'readlink', path, { detail: 'not a symbolic link' });
    return node.target;
  }

  async link(existing: Path, path: Path, call?: Call): Promise<Entry> {
    this.#begin('link', existing, call);
    this.#begin('link', path, call);
    const node = this.#find('link', existing);
    if (node.kind === 'directory') throw new VfsError('EPERM', 'link', existing);
    const entry = this.#add('link', path, node);
    node.links += 1;
    return { ...entry, links: node.links };
  }

  async statfs(path: Path, call?: Call): Promise<Space> {
    this.#begin('statfs', path, call);
    this.#find('statfs', path);
    if (this.#capacity === undefined) return {};
    return { total: this.#capacity, free: Math.max(0, this.#capacity - this.#used()) };
  }

  async open(path: Path, call?: Call): Promise<OpenFile> {
    this.#begin('open', path, call);
    const file = this.#asFile('open', path, this.#find('open', path));
    const content = file.content;
    let open = true;
    const begin = (readCall?: Call) => {
      this.#begin('read', path, readCall);
      if (!open) throw new VfsError('EBADF', 'read', path);
    };
    return {
      entry: describe(nameOf(path), file),
      async read(position, into, readCall) {
        begin(readCall);
        return copyOut(content, position, into);
      },
      async close() {
        open = false;
      },
    };
  }

  async replace(path: Path, options: ReplaceOptions = {}): Promise<Replacement> {
    this.#begin('replace', path, options);
    this.#check('replace', path, {});
    let content: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
    if (options.keep) content = this.#asFile('replace', path, this.#find('replace', path)).content;
    return new MemoryReplacement(path, content, {
      begin: (op) => this.#begin(op, path, undefined),
      room: (size) => this.#room('write', path, size),
      place: (to, bytes, commit) => {
        this.#begin('commit', to, commit);
        return this.#place('commit', to, bytes, { ...commit, mode: options.mode });
      },
    });
  }

  /** Nothing unfinished is ever kept where it could be left behind. */
  async purge(_olderThan: number, call?: Call): Promise<number> {
    this.#begin('purge', ROOT, call);
    return 0;
  }

  #begin(op: string, path: Path, call: Call | undefined): void {
    if (this.#closed) throw new VfsError('EBADF', op, path, { detail: 'the driver is closed' });
    refuseFired(call, op, path);
    if (path.includes(`/${TEMPORARY_PREFIX}`)) throw new VfsError('ENOENT', op, path);
  }

  #find(op: string, path: Path): Node {
    let node: Node = this.#root;
    for (const name of segments(path)) {
      const child: Node | undefined = this.#asFolder(op, path, node).children.get(name);
      if (child === undefined) throw new VfsError('ENOENT', op, path);
      node = child;
    }
    return node;
  }

  #parent(op: string, path: Path): Folder {
    return this.#asFolder(op, path, this.#find(op, parentOf(path)));
  }

  #asFolder(op: string, path: Path, node: Node): Folder {
    if (node.kind === 'directory') return node;
    throw new VfsError(node.kind === 'symlink' ? 'ELOOP' : 'ENOTDIR', op, path);
  }

  #asFile(op: string, path: Path, node: Node): File {
    if (node.kind === 'file') return node;
    throw new VfsError(node.kind === 'symlink' ? 'ELOOP' : 'EISDIR', op, path);
  }

  /** What put, copy and commit need to find before they change anything. @returns the file that is there */
  #check(op: string, path: Path, options: PutOptions): File | undefined {
    if (path === ROOT) throw new VfsError('EISDIR', op, path);
    const there = this.#parent(op, path).children.get(nameOf(path));
    if (there?.kind === 'directory') throw new VfsError('EISDIR', op, path);
    if (there?.kind === 'symlink') throw new VfsError('ELOOP', op, path);
    const holds =
      (options.ifNoneMatch === undefined || there === undefined) &&
      (options.ifMatch === undefined || options.ifMatch === there?.version);
    if (!holds) throw new VfsError('EPRECONDITION', op, path);
    return there;
  }

  #place(op: string, path: Path, content: Uint8Array, options: PutOptions): Entry {
    let file = this.#check(op, path, options);
    this.#room(op, path, content.length - (file?.content.length ?? 0));
    const version = (++this.#serial).toString(36);
    if (file === undefined) {
      file = { ...this.#common(options.mode ?? 0o644), kind: 'file', content, version };
      this.#add(op, path, file);
    } else {
      file.content = content;
      file.version = version;
    }
    file.ctime = Date.now();
    file.mtime = options.mtime ?? file.ctime;
    return describe(nameOf(path), file);
  }

  #add(op: string, path: Path, node: Node): Entry {
    if (path === ROOT) throw new VfsError('EEXIST', op, path);
    const folder = this.#parent(op, path);
    if (folder.children.has(nameOf(path))) throw new VfsError('EEXIST', op, path);
    folder.children.set(nameOf(path), node);
    folder.mtime = folder.ctime = Date.now();
    return describe(nameOf(path), node);
  }

  #drop(op: string, path: Path, node: Node): void {
    const folder = this.#parent(op, path);
    folder.children.delete(nameOf(path));
    folder.mtime = folder.ctime = node.ctime = Date.now();
    node.links -= 1;
  }

  #room(op: string, path: Path, wanted: number): void {
    if (this.#capacity !== undefined && this.#used() + wanted > this.#capacity) {
      throw new VfsError('ENOSPC', op, path);
    }
  }

  #used(): number {
    const files = new Set<File>();
    const walk = (folder: Folder) => {
      for (const node of folder.children.values()) {
        if (node.kind === 'directory') walk(node);
        else if (node.kind === 'file') files.add(node);
      }
    };
    walk(this.#root);
    let bytes = 0;
    for (const file of files) bytes += file.content.length;
    return bytes;
  }

  #common(mode: number): Common {
    const now = Date.now();
    const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
    const id = (++this.#serial).toString(36);
    return { id, mode, uid, gid, mtime: now, atime: now, ctime: now, birthtime: now, links: 1 };
  }

  #folder(): Folder {
    return { ...this.#common(0o755), kind: 'directory', children: new Map() };
  }
}

interface Home {
  begin(op: string): void;
  room(size: number): void;
  place(path: Path, content: Uint8Array, options: PutOptions): Entry;
}

/** Copies on the first write, so that a kept content stays a snapshot for all others. */
class MemoryReplacement implements Replacement {
  readonly #path: Path;
  readonly #home: Home;
  #content: Uint8Array;
  #size: number;
  #shared = true;
  #open = true;

  constructor(path: Path, content: Uint8Array, home: Home) {
    this.#path = path;
    this.#content = content;
    this.#size = content.length;
    this.#home = home;
  }

  get size(): number {
    return this.#size;
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    this.#begin('read');
    return copyOut(this.#content.subarray(0, this.#size), position, into);
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    this.#begin('write');
    if (bytes.length === 0) return;
    this.#own(Math.max(this.#size, position + bytes.length));
    this.#content.set(bytes, position);
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  async truncate(size: number): Promise<void> {
    this.#begin('truncate');
    this.#own(Math.max(size, this.#size));
    if (size < this.#size) this.#content.fill(0, size, this.#size);
    this.#size = size;
  }

  async commit(options: Parameters<Replacement['commit']>[0] = {}): Promise<Entry> {
    this.#begin('commit');
    const entry = this.#home.place(options.path ?? this.#path, this.#content.subarray(0, this.#size), options);
    this.#shared = true;
    return entry;
  }

  async abort(): Promise<void> {
    this.#open = false;
    this.#content = new Uint8Array(0);
    this.#size = 0;
  }

  #begin(op: string): void {
    this.#home.begin(op);
    if (!this.#open) throw new VfsError('EBADF', op, this.#path);
  }

  #own(room: number): void {
    if (!this.#shared && this.#content.length >= room) return;
    this.#home.room(room);
    const grown = new Uint8Array(this.#shared ? room : Math.max(room, this.#content.length * 2));
    grown.set(this.#content.subarray(0, this.#size));
    this.#content = grown;
    this.#shared = false;
  }
}

function copyOut(content: Uint8Array, position: number, into: Uint8Array): number {
  const part = content.subarray(position, position + into.length);
  into.set(part);
  return part.length;
}

function describe(name: string, node: Node): Entry {
  const { kind, id, mode, uid, gid, mtime, atime, ctime, birthtime, links } = node;
  const size = kind === 'file' ? node.content.length : kind === 'symlink' ? Buffer.byteLength(node.target) : 0;
  const etag = kind === 'file' ? node.version : '';
  return { name, kind, size, mtime, etag, id, mode, uid, gid, atime, ctime, birthtime, links };
}

/** Storage in memory, for tests. */
export const memoryKind: DriverKind<Record<string, never>> = {
  name: 'memory',
  options: v.strictObject({}) as v.GenericSchema<unknown, Record<string, never>>,
  create: () => new MemoryDriver(),
};
