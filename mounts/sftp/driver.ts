import type { Bytes, Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import type { Attributes, Entry, Space } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import { isWithin, nameOf, type Path, ROOT } from '../../src/core/path.js';
import {
  type Content,
  type Driver,
  type DriverContext,
  type GetOptions,
  type OpenFile,
  type PutOptions,
  type RenameOptions,
  TEMPORARY_PREFIX,
  type Traits,
} from '../driver.js';
import { changeAttributes } from './attribute-change.js';
import { entryOf } from './attributes.js';
import { Budget } from './budget.js';
import { connect, type ServerAddress } from './connection.js';
import { pages, purgeBelow } from './listing.js';
import { type Line, Pool, Weight } from './pool.js';
import { openRemote, RemoteBody, RemoteFile } from './reading.js';
import { type Failed, locate, remote, translate } from './translate.js';
import { until, untilCleaned } from './until.js';
import { duplicate, replaceInSteps, upload } from './writing.js';

/** Content that all transfers of one mount may have under way. */
const BUDGET = 64 * 1024 * 1024;

export interface SftpOptions extends ServerAddress {
  /** Connections at most. */
  readonly connections: number;
}

/** A folder of an SSH server, by SFTP version 3. README.md says what the protocol cannot tell. */
export class SftpDriver implements Driver {
  readonly #pool: Pool;
  readonly #budget = new Budget(BUDGET);
  readonly #context: DriverContext;
  #atomicRename = false;
  #closed = false;

  constructor(options: SftpOptions, context: DriverContext) {
    this.#context = context;
    const dial = async () => {
      const connection = await connect(options, context.credentials);
      this.#atomicRename = connection.session.offers('posix-rename@openssh.com');
      return connection;
    };
    this.#pool = new Pool(dial, options.connections, context.log);
  }

  /** `atomicRename` is what the last connection said; false before the first. */
  get traits(): Traits {
    return {
      kind: 'sftp',
      mtimeStep: 1_000,
      atomicConditions: false,
      atomicRename: this.#atomicRename,
      caseSensitive: true,
      permissions: true,
      entryWithContent: true,
    };
  }

  stat(path: Path, call?: Call): Promise<Entry> {
    return this.#call({ op: 'stat', path }, call, (line) => entryAt(line, path, 'stat'));
  }

  async *list(path: Path, call?: Call): AsyncIterable<readonly Entry[]> {
    this.#begin({ op: 'list', path }, call);
    yield* pages(this.#pool, path, call, this.#context.log);
  }

  async get(path: Path, options: GetOptions = {}): Promise<Content> {
    const { start = 0, end = Number.POSITIVE_INFINITY, ifMatch } = options;
    this.#begin({ op: 'get', path }, options);
    if (!(start >= 0 && end >= start)) throw new VfsError('EINVAL', 'get', path, { detail: 'not a range' });
    const file = await this.#open(Weight.transfer, path, options, 'get');
    const { size, etag } = file.entry;
    const refusal = ifMatch !== undefined && ifMatch !== etag ? 'EPRECONDITION' : start > size ? 'ERANGE' : undefined;
    if (refusal !== undefined) {
      file.close();
      throw new VfsError(refusal, 'get', path);
    }
    return new RemoteBody(file, start, Math.min(end, size), path, options, this.#budget);
  }

  async open(path: Path, call?: Call): Promise<OpenFile> {
    this.#begin({ op: 'open', path }, call);
    return new RemoteFile(this.#pool, path, await this.#open(Weight.held, path, call, 'open'));
  }

  put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    const putting = this.#work({ op: 'put', path }, options, Weight.transfer, (line) =>
      upload(this.#pool, line, path, body, options, this.#budget),
    );
    return untilCleaned(putting, options, 'put', path);
  }

  mkdir(path: Path, call?: Call): Promise<void> {
    return this.#call({ op: 'mkdir', path }, call, async (line) =>
      line.session.mkdir(await locate(line, path, 'mkdir')),
    );
  }

  unlink(path: Path, call?: Call): Promise<void> {
    return this.#call({ op: 'unlink', path }, call, async (line) =>
      line.session.remove(await locate(line, path, 'unlink')),
    );
  }

  rmdir(path: Path, call?: Call): Promise<void> {
    return this.#call({ op: 'rmdir', path }, call, async (line) => {
      if (path === ROOT) throw new VfsError('EBUSY', 'rmdir', path);
      await line.session.rmdir(await locate(line, path, 'rmdir'));
    });
  }

  rename(from: Path, to: Path, options: RenameOptions = {}): Promise<void> {
    const failed = { op: 'rename', path: from, other: to };
    return this.#call(failed, options, async (line) => {
      const { session } = line;
      if (from === ROOT || to === ROOT) throw new VfsError('EBUSY', 'rename', from);
      if (from !== to && isWithin(to, from)) throw new VfsError('EINVAL', 'rename', from);
      const [source, target] = [await locate(line, from, 'rename'), await locate(line, to, 'rename')];
      line.parents.forget();
      if (options.noReplace) {
        // RENAME refuses what exists, but OpenSSH's looks past links for folders.
        await session.lstat(source);
        const there = await session.lstat(target).catch(() => undefined);
        if (there !== undefined) throw new VfsError('EEXIST', 'rename', to);
        await session.rename(source, target);
      } else if (from === to) await session.lstat(source);
      else if (session.offers('posix-rename@openssh.com')) await session.posixRename(source, target);
      else await replaceInSteps(session, source, target, failed);
      line.parents.forget();
    });
  }

  copy(from: Path, to: Path, call: Call = {}): Promise<Entry> {
    const failed = { op: 'copy', path: from, other: to };
    const copying = this.#work(failed, call, Weight.copy, (line) => duplicate(this.#pool, line, from, to, call));
    return untilCleaned(copying, call, 'copy', from);
  }

  setattr(path: Path, attributes: Attributes, call?: Call): Promise<Entry> {
    return this.#call({ op: 'setattr', path }, call, async (line) => {
      await changeAttributes(line, path, attributes);
      return entryAt(line, path, 'setattr');
    });
  }

  symlink(path: Path, target: string, call?: Call): Promise<Entry> {
    return this.#call({ op: 'symlink', path }, call, async (line) => {
      if (target === '' || target.includes('\0') || !target.isWellFormed()) {
        throw new VfsError('EINVAL', 'symlink', path, { detail: 'not a target' });
      }
      const where = await locate(line, path, 'symlink');
      line.parents.forget();
      await line.session.symlink(target, where);
      line.parents.forget();
      return entryAt(line, path, 'symlink');
    });
  }

  readlink(path: Path, call?: Call): Promise<string> {
    return this.#call({ op: 'readlink', path }, call, async (line) => {
      const target = await line.session.readlink(await locate(line, path, 'readlink'));
      const text = target.toString();
      if (!Buffer.from(text).equals(target) || text.includes('\0')) {
        throw new VfsError('EIO', 'readlink', path, { detail: 'the target is not valid UTF-8' });
      }
      return text;
    });
  }

  link(existing: Path, path: Path, call?: Call): Promise<Entry> {
    return this.#call({ op: 'link', path: existing, other: path }, call, async (line) => {
      if (!line.session.offers('hardlink@openssh.com')) throw new VfsError('ENOTSUP', 'link', existing);
      const source = await entryAt(line, existing, 'link');
      if (source.kind === 'directory') throw new VfsError('EPERM', 'link', existing);
      await line.session.hardlink(remote(line, existing), await locate(line, path, 'link'));
      return entryAt(line, path, 'link');
    });
  }

  statfs(path: Path, call?: Call): Promise<Space> {
    return this.#call({ op: 'statfs', path }, call, async (line) => {
      if (!line.session.offers('statvfs@openssh.com')) throw new VfsError('ENOTSUP', 'statfs', path);
      const { total, free } = await line.session.statvfs(await locate(line, path, 'statfs'));
      return { total, free };
    });
  }

  async purge(olderThan: number, call?: Call): Promise<number> {
    const failed = { op: 'purge', path: ROOT };
    this.#begin(failed, call);
    return purgeBelow(this.#pool, olderThan, call, this.#context.log);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#pool.close();
  }

  /** A short call: nobody waits for it once the signal has fired. */
  async #call<T>(failed: Failed, call: Call | undefined, work: (line: Line) => Promise<T>): Promise<T> {
    return until(this.#work(failed, call, Weight.call, work), call, failed.op, failed.path);
  }

  async #work<T>(failed: Failed, call: Call | undefined, weight: number, work: (line: Line) => Promise<T>): Promise<T> {
    this.#begin(failed, call);
    let used: Line | undefined;
    try {
      return await this.#pool.use(weight, (line) => {
        used = line;
        return work(line);
      });
    } catch (error) {
      throw await translate(error, failed, used);
    }
  }

  async #open(weight: number, path: Path, call: Call | undefined, op: string) {
    try {
      return await until(openRemote(this.#pool, weight, path, op), call, op, path, (late) => late.close());
    } catch (error) {
      throw await translate(error, { op, path });
    }
  }

  #begin({ op, path, other }: Failed, call: Call | undefined): void {
    if (this.#closed) throw new VfsError('EBADF', op, path, { detail: 'the mount was closed' });
    refuseFired(call, op, path);
    if (path.includes(TEMPORARY_PREFIX) || other?.includes(TEMPORARY_PREFIX)) {
      for (const one of [path, other ?? path]) {
        if (`${one}/`.includes(`/${TEMPORARY_PREFIX}`)) throw new VfsError('ENOENT', op, one);
      }
    }
  }
}

async function entryAt(line: Line, path: Path, op: string): Promise<Entry> {
  const entry = entryOf(nameOf(path), await line.session.lstat(await locate(line, path, op)));
  if (entry !== undefined) return entry;
  throw new VfsError('ENOENT', op, path, { detail: 'neither file, folder nor link' });
}
