import type { Bytes, Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import type { Attributes, Entry, Space } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { nameOf, type Path, parentOf, ROOT } from '../../src/core/path.js';
import {
  type Content,
  type Driver,
  type GetOptions,
  type OpenFile,
  type PutOptions,
  type RenameOptions,
  type Replacement,
  type ReplaceOptions,
  TEMPORARY_PREFIX,
  type Traits,
} from '../driver.js';
import { etagOf, kindOf, toEntry } from './attributes.js';
import { copyContent } from './copying.js';
import { Descriptor } from './descriptor.js';
import { isErrno } from './errors.js';
import { type Folder, Folders } from './folders.js';
import { entriesIn } from './listing.js';
import { moveToFree, replaceBy, sweep } from './moving.js';
import { Placing } from './placing.js';
import { purgeTree } from './purging.js';
import { Readers } from './readers.js';
import { openFileOf, type Source, streamOf } from './reading.js';
import { LocalReplacement } from './replacement.js';
import { setAttributes } from './set-attributes.js';
import * as system from './system.js';
import type { Temporary } from './temporary.js';
import { Turns } from './turns.js';
import { writeBody } from './writing.js';

const NEW_FOLDER_MODE = 0o755;

export interface LocalOptions {
  readonly path: string;
  readonly create: boolean;
}

/**
 * A folder of this host. It never leaves that folder: every name is looked up from a descriptor of the folder that
 * holds it (folders.ts), and no symbolic link is followed below the root.
 */
export class LocalDriver implements Driver {
  readonly traits: Traits = {
    kind: 'local',
    mtimeStep: 0.001,
    atomicConditions: false,
    atomicRename: true,
    caseSensitive: true,
    permissions: true,
    entryWithContent: true,
  };
  readonly #log: Logger;
  readonly #folders: Folders;
  readonly #turns = new Turns();
  readonly #readers = new Readers();
  readonly #placing: Placing;
  readonly #open = new Set<Descriptor>();
  readonly #puts = new Set<AbortController>();
  readonly #replacements = new Set<LocalReplacement>();
  #closed = false;

  constructor(options: LocalOptions, log: Logger) {
    this.#log = log;
    this.#folders = new Folders(options.path, options.create);
    this.#placing = new Placing(this.#folders, this.#turns, this.#readers);
  }

  async stat(path: Path, call?: Call): Promise<Entry> {
    return this.#at('stat', path, call, async (_, node) => describe('stat', path, await system.lstat(node)));
  }

  async *list(path: Path, call: Call = {}): AsyncIterable<readonly Entry[]> {
    this.#begin('list', path, call);
    const folder = await this.#folders.acquire('list', path);
    try {
      for await (const page of entriesIn(folder, path, this.#log, call)) {
        yield page;
        this.#begin('list', path, call);
      }
    } catch (error) {
      throw this.#folders.explain(error, 'list', path);
    } finally {
      folder.release();
    }
  }

  async get(path: Path, options: GetOptions = {}): Promise<Content> {
    const source = await this.#source('get', path, options);
    const size = Number(source.stats.size);
    const start = options.start ?? 0;
    if (options.ifMatch !== undefined && options.ifMatch !== etagOf(source.stats)) {
      await source.descriptor.close();
      throw new VfsError('EPRECONDITION', 'get', path);
    }
    if (start > size) {
      await source.descriptor.close();
      throw new VfsError('ERANGE', 'get', path);
    }
    const body = streamOf(source, path, start, Math.min(options.end ?? size, size), options);
    return Object.assign(body, { entry: toEntry(nameOf(path), 'file', source.stats) });
  }

  async put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    const temporary = await this.#temporary('put', path, options);
    // One signal for the caller's and for close: a body that hangs must not keep the file.
    const ending = new AbortController();
    const cancel = () => ending.abort(options.signal?.reason);
    options.signal?.addEventListener('abort', cancel);
    this.#puts.add(ending);
    try {
      await writeBody(temporary.fd, body, path, { size: options.size, signal: ending.signal });
      this.#begin('put', path, options);
      return await this.#placing.place('put', temporary, path, options);
    } catch (error) {
      if (this.#closed) this.#begin('put', path, undefined);
      throw this.#folders.explain(error, 'put', path);
    } finally {
      this.#puts.delete(ending);
      options.signal?.removeEventListener('abort', cancel);
      await temporary.discard();
    }
  }

  async mkdir(path: Path, call?: Call): Promise<void> {
    this.#begin('mkdir', path, call);
    if (path === ROOT) throw new VfsError('EEXIST', 'mkdir', path);
    await this.#at('mkdir', path, call, async (folder, node) => {
      await system.mkdir(node, NEW_FOLDER_MODE);
      await folder.sync();
    });
  }

  async unlink(path: Path, call?: Call): Promise<void> {
    this.#begin('unlink', path, call);
    if (path === ROOT) throw new VfsError('EISDIR', 'unlink', path);
    await this.#turns.take(path, () => this.#at('unlink', path, call, (_, node) => system.unlink(node)));
  }

  async rmdir(path: Path, call?: Call): Promise<void> {
    this.#begin('rmdir', path, call);
    if (path === ROOT) throw new VfsError('EBUSY', 'rmdir', path);
    await this.#at('rmdir', path, call, async (_, node) => {
      try {
        await system.rmdir(node);
      } catch (error) {
        if (!isErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
        if (!(await this.#folders.within('rmdir', path, sweep))) throw new VfsError('ENOTEMPTY', 'rmdir', path);
        await system.rmdir(node);
      }
    });
    this.#folders.forget(path);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const put of this.#puts) put.abort();
    await Promise.all([
      ...Array.from(this.#open, (descriptor) => descriptor.close()),
      ...Array.from(this.#replacements, (replacement) => replacement.abort()),
    ]);
    this.#folders.close();
  }

  async rename(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    this.#begin('rename', from, options);
    this.#begin('rename', to, options);
    if (from === ROOT || to === ROOT) throw new VfsError('EBUSY', 'rename', ROOT);
    const act = async (source: Folder, target: Folder) => {
      const [one, other] = [
        { folder: source, path: from },
        { folder: target, path: to },
      ];
      if (options.noReplace) await moveToFree(one, other);
      else {
        await replaceBy(one, other).catch(async (error: unknown) => {
          const sweepable = error instanceof VfsError && error.code === 'ENOTEMPTY' && !to.startsWith(`${from}/`);
          if (!sweepable || !(await this.#folders.within('rename', to, sweep))) throw error;
          await replaceBy(one, other);
        });
      }
      this.#folders.forget(from);
      this.#folders.forget(to);
      await Promise.all([source.sync(), target.sync()]);
    };
    await this.#turns.take(to, () =>
      this.#folders.within('rename', parentOf(from), (source) =>
        this.#folders.within('rename', parentOf(to), (target) => act(source, target)),
      ),
    );
  }

  async copy(from: Path, to: Path, call: Call = {}): Promise<Entry> {
    this.#begin('copy', to, call);
    const source = await this.#source('copy', from, call);
    try {
      const temporary = await this.#temporary('copy', to, call);
      try {
        const mode = Number(source.stats.mode) & 0o777;
        await this.#fill('copy', to, source, temporary, call);
        return await this.#placing.place('copy', temporary, to, { mode, signal: call.signal });
      } finally {
        await temporary.discard();
      }
    } catch (error) {
      throw this.#folders.explain(error, 'copy', to);
    } finally {
      await source.descriptor.close();
    }
  }

  async setattr(path: Path, attributes: Attributes, call?: Call): Promise<Entry> {
    const set = async (_: Folder, node: string) => {
      const fd = await system.open(node, system.NODE);
      try {
        const stats = await system.fstat(fd);
        describe('setattr', path, stats);
        await setAttributes(path, node, fd, stats, attributes);
        return describe('setattr', path, await system.fstat(fd));
      } finally {
        await system.close(fd);
      }
    };
    // In turn with puts, which hand on what they found: an attribute set in between would be lost.
    return this.#turns.take(path, () => this.#at('setattr', path, call, set));
  }

  async symlink(path: Path, target: string, call?: Call): Promise<Entry> {
    this.#begin('symlink', path, call);
    if (path === ROOT) throw new VfsError('EEXIST', 'symlink', path);
    if (target === '') throw new VfsError('EINVAL', 'symlink', path, { detail: 'a link needs a target' });
    return this.#at('symlink', path, call, async (folder, node) => {
      await system.symlink(target, node);
      await folder.sync();
      return describe('symlink', path, await system.lstat(node));
    });
  }

  async readlink(path: Path, call?: Call): Promise<string> {
    return this.#at('readlink', path, call, async (_, node) => {
      const target = await system.readlink(node, 'buffer');
      const text = target.toString();
      if (Buffer.compare(Buffer.from(text), target) === 0) return text;
      throw new VfsError('EIO', 'readlink', path, { detail: 'the target of the link is not valid UTF-8' });
    });
  }

  async link(existing: Path, path: Path, call?: Call): Promise<Entry> {
    this.#begin('link', existing, call);
    this.#begin('link', path, call);
    if (existing === ROOT) throw new VfsError('EPERM', 'link', existing);
    if (path === ROOT) throw new VfsError('EEXIST', 'link', path);
    // In turn with puts to the old name: a file that gets a second name must not be replaced as if it had one.
    return this.#turns.take(existing, () =>
      this.#at('link', existing, call, (_, source) =>
        this.#at('link', path, call, async (folder, node) => {
          await system.link(source, node);
          await folder.sync();
          return describe('link', path, await system.lstat(node));
        }),
      ),
    );
  }

  async statfs(path: Path, call?: Call): Promise<Space> {
    return this.#at('statfs', path, call, async (folder, node) => {
      await system.lstat(node);
      const { bsize, blocks, bavail } = await system.statfs(`${folder.at}/.`);
      return { total: blocks * bsize, free: bavail * bsize };
    });
  }

  async open(path: Path, call?: Call): Promise<OpenFile> {
    return openFileOf(await this.#source('open', path, call), path);
  }

  async replace(path: Path, options: ReplaceOptions = {}): Promise<Replacement> {
    const source = options.keep ? await this.#source('replace', path, options) : undefined;
    try {
      const temporary = await this.#temporary('replace', path, options);
      try {
        if (source !== undefined) await this.#fill('replace', path, source, temporary, options);
        const size = Number((await system.fstat(temporary.fd)).size);
        const replacement = new LocalReplacement(path, temporary, size, options, {
          begin: (op, where) => this.#begin(op, where, undefined),
          place: (content, where, conditions) => this.#placing.place('commit', content, where, conditions),
          done: (finished) => this.#replacements.delete(finished),
        });
        this.#replacements.add(replacement);
        return replacement;
      } catch (error) {
        await temporary.discard();
        throw this.#folders.explain(error, 'replace', path);
      }
    } finally {
      await source?.descriptor.close();
    }
  }

  async purge(olderThan: number, call: Call = {}): Promise<number> {
    this.#begin('purge', ROOT, call);
    return purgeTree(this.#folders, olderThan, call);
  }

  #begin(op: string, path: Path, call: Call | undefined): void {
    if (this.#closed) throw new VfsError('EBADF', op, path, { detail: 'the driver is closed' });
    refuseFired(call, op, path);
    if (path.includes(`/${TEMPORARY_PREFIX}`)) throw new VfsError('ENOENT', op, path);
  }

  /** Runs `action` with the folder that holds `path`, and a path of the node that stays inside it. */
  #at<T>(op: string, path: Path, call: Call | undefined, action: (folder: Folder, node: string) => Promise<T>) {
    return (async () => {
      this.#begin(op, path, call);
      return this.#folders.within(op, parentOf(path), (folder) => action(folder, folder.child(nameOf(path) || '.')));
    })();
  }

  /** Opens a plain file for reading. */
  async #source(op: string, path: Path, call: Call | undefined): Promise<Source> {
    return this.#at(op, path, call, async (_, node) => {
      const fd = await system.open(node, system.READ);
      let done = () => {};
      const descriptor = new Descriptor(fd, () => {
        this.#open.delete(descriptor);
        done();
      });
      this.#open.add(descriptor);
      try {
        let stats = await system.fstat(fd);
        if (describe(op, path, stats).kind === 'directory') throw new VfsError('EISDIR', op, path);
        for (let busy = this.#readers.quiet(stats); busy !== undefined; busy = this.#readers.quiet(stats)) {
          await busy;
          stats = await system.fstat(fd);
        }
        const added = this.#readers.add(stats);
        done = added.done;
        return { descriptor, stats, reader: added.reader };
      } catch (error) {
        await descriptor.close();
        throw error;
      }
    });
  }

  #temporary(op: string, path: Path, options: PutOptions): Promise<Temporary> {
    return this.#at(op, path, options, (folder) => this.#placing.begin(op, path, folder, options));
  }

  async #fill(op: string, path: Path, source: Source, temporary: Temporary, call: Call): Promise<void> {
    await copyContent(source.descriptor.fd, temporary.fd, () => this.#begin(op, path, call));
    if (source.reader.stale) throw new VfsError('ESTALE', op, path, { detail: 'written over in place meanwhile' });
  }
}

function describe(op: string, path: Path, stats: Parameters<typeof kindOf>[0]): Entry {
  const kind = kindOf(stats);
  if (kind === undefined) throw new VfsError('EPERM', op, path, { detail: 'a device, a pipe or a socket' });
  return toEntry(nameOf(path), kind, stats);
}
