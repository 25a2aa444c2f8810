import type { Call } from '../../src/core/bytes.js';
import type { Entry } from '../../src/core/entry.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import { nameOf, type Path } from '../../src/core/path.js';
import type { Content, OpenFile } from '../driver.js';
import { entryOf, kindOf } from './attributes.js';
import { type Budget, WINDOW } from './budget.js';
import { type Pool, Weight } from './pool.js';
import { Open } from './protocol.js';
import { ConnectionLost, type RemoteHandle, type SftpSession } from './session.js';
import { type Failed, locate, translate } from './translate.js';
import { until } from './until.js';

/** A file open at the server, on a connection that is held for it. */
export interface OpenRemote {
  readonly session: SftpSession;
  readonly handle: RemoteHandle;
  readonly entry: Entry;
  /** Closes the file and lets go of the connection; neither waits nor fails. */
  close(): void;
}

/**
 * Opens a file for reading. It is looked at before, since open(2) of a named pipe would keep the server waiting and that of a
 * link would follow it, and again when open, since it may have been replaced in between.
 */
export async function openRemote(pool: Pool, weight: number, path: Path, op: string): Promise<OpenRemote> {
  const lease = await pool.lease(weight);
  const { line } = lease;
  const { session } = line;
  try {
    const where = await locate(line, path, op);
    regular(entryOf(nameOf(path), await session.lstat(where)), op, path);
    const handle = await session.open(where, Open.READ);
    const close = (): void => {
      session.close(handle).catch(() => {});
      lease.release();
    };
    try {
      const attrs = await session.fstat(handle);
      const entry = regular(kindOf(attrs) === 'file' ? entryOf(nameOf(path), attrs) : undefined, op, path);
      return { session, handle, entry, close };
    } catch (error) {
      close();
      throw error;
    }
  } catch (error) {
    const translated = await translate(error, { op, path }, line);
    lease.release();
    throw translated;
  }
}

function regular(entry: Entry | undefined, op: string, path: Path): Entry {
  if (entry?.kind === 'file') return entry;
  const code = entry === undefined ? 'ENOENT' : entry.kind === 'directory' ? 'EISDIR' : 'ELOOP';
  throw new VfsError(code, op, path);
}

/** Fills `length` bytes from `position`, with further requests where an answer was short; fewer only at the end. */
async function readWhole(file: OpenRemote, position: number, length: number): Promise<Buffer> {
  const first = await file.session.read(file.handle, position, length);
  if (first === undefined || first.length === length) return first ?? Buffer.alloc(0);
  const pieces = [first];
  let filled = first.length;
  while (filled < length) {
    const more = await file.session.read(file.handle, position + filled, length - filled);
    if (more === undefined) break;
    pieces.push(more);
    filled += more.length;
  }
  return Buffer.concat(pieces, filled);
}

/** The bytes [start, end) of an open file, which is closed at the end, at the first error and when it is left. */
export class RemoteBody implements AsyncIterableIterator<Uint8Array>, Content {
  readonly entry: Entry;
  readonly #file: OpenRemote;
  readonly #failed: Failed;
  readonly #call: Call | undefined;
  readonly #budget: Budget;
  readonly #ahead: { readonly piece: Promise<Buffer>; readonly length: number; readonly counted: boolean }[] = [];
  #position: number;
  readonly #end: number;
  /** Grows with each chunk that is taken, so that a reader who stops early has not asked for much. */
  #window = 2;
  #over = false;
  /** Whether the reader knows that it is over. */
  #left = false;

  constructor(file: OpenRemote, start: number, end: number, path: Path, call: Call | undefined, budget: Budget) {
    this.entry = file.entry;
    this.#file = file;
    this.#position = start;
    this.#end = end;
    this.#failed = { op: 'get', path };
    this.#call = call;
    this.#budget = budget;
    // Between two reads nobody else would notice, and the file would stay open at the server.
    call?.signal?.addEventListener('abort', this.#finish);
    this.#ask();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const { op, path } = this.#failed;
    if (this.#call?.signal?.aborted && !this.#left) {
      this.#left = true;
      throw new VfsError('ECANCELED', op, path, { cause: this.#call.signal.reason });
    }
    if (this.#over) return { done: true, value: undefined };
    this.#ask();
    const next = this.#ahead.shift();
    if (next === undefined) return this.return();
    try {
      const value = await until(next.piece, this.#call, op, path).finally(() => {
        if (next.counted) this.#budget.give(next.length);
      });
      if (value.length < next.length) {
        throw new VfsError('EIO', op, path, { detail: 'the file became shorter while it was read' });
      }
      this.#window = Math.min(this.#window + 1, WINDOW);
      this.#ask();
      return { done: false, value };
    } catch (error) {
      this.#left = true;
      this.#finish();
      throw await translate(error, this.#failed);
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#left = true;
    this.#finish();
    return { done: true, value: undefined };
  }

  #ask(): void {
    while (!this.#over && this.#position < this.#end && this.#ahead.length < this.#window) {
      const length = Math.min(this.#file.session.readSize, this.#end - this.#position);
      const counted = this.#budget.take(length);
      if (!counted && this.#ahead.length > 0) return;
      const piece = readWhole(this.#file, this.#position, length);
      piece.catch(() => {});
      this.#ahead.push({ piece, length, counted });
      this.#position += length;
    }
  }

  readonly #finish = (): void => {
    if (this.#over) return;
    this.#over = true;
    this.#call?.signal?.removeEventListener('abort', this.#finish);
    for (const { length, counted } of this.#ahead.splice(0)) if (counted) this.#budget.give(length);
    this.#file.close();
  };
}

/** A file held open, for reads anywhere. The server keeps the content it had, until the connection is lost. */
export class RemoteFile implements OpenFile {
  readonly entry: Entry;
  readonly #pool: Pool;
  readonly #path: Path;
  #file: Promise<OpenRemote>;
  #closed = false;

  constructor(pool: Pool, path: Path, file: OpenRemote) {
    this.#pool = pool;
    this.#path = path;
    this.#file = Promise.resolve(file);
    this.entry = file.entry;
  }

  async read(position: number, into: Uint8Array, call?: Call): Promise<number> {
    const path = this.#path;
    if (this.#closed) throw new VfsError('EBADF', 'read', path);
    if (call?.signal?.aborted) throw new VfsError('ECANCELED', 'read', path, { cause: call.signal.reason });
    for (let attempt = 1; ; attempt++) {
      const file = await until(this.#current(), call, 'read', path);
      try {
        const pieces = await until(readPieces(file, position, into.length), call, 'read', path);
        // Only now: whoever gave up may use the memory for something else.
        let filled = 0;
        for (const piece of pieces) {
          into.set(piece, filled);
          filled += piece.length;
        }
        return filled;
      } catch (error) {
        if (!(error instanceof ConnectionLost) || attempt > 1) throw await translate(error, { op: 'read', path });
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#file.then((file) => file.close()).catch(() => {});
  }

  async #current(): Promise<OpenRemote> {
    const before = this.#file;
    const file = await before.catch(() => undefined);
    if (file?.session.alive) return file;
    if (this.#file === before) {
      file?.close();
      this.#file = this.#again();
      this.#file.catch(() => {});
    }
    return this.#file;
  }

  /** After a lost connection: the same content, or ESTALE. */
  async #again(): Promise<OpenRemote> {
    const path = this.#path;
    try {
      const file = await openRemote(this.#pool, Weight.held, path, 'read');
      if (file.entry.etag === this.entry.etag && !this.#closed) return file;
      file.close();
    } catch (error) {
      if (!isVfsError(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP')) throw error;
    }
    throw new VfsError('ESTALE', 'read', path, { detail: 'replaced or gone while the connection was lost' });
  }
}

/** Up to `length` bytes in pieces, asked for at once; fewer only at the end of the file. */
async function readPieces(file: OpenRemote, position: number, length: number): Promise<Buffer[]> {
  const step = file.session.readSize;
  const asked: Promise<Buffer>[] = [];
  for (let at = 0; at < length; at += step) {
    const piece = readWhole(file, position + at, Math.min(step, length - at));
    piece.catch(() => {});
    asked.push(piece);
  }
  const pieces: Buffer[] = [];
  for (const promise of asked) {
    const piece = await promise;
    pieces.push(piece);
    if (piece.length < step) break;
  }
  return pieces;
}
