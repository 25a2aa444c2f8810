import { randomUUID } from 'node:crypto';
import { constants, type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Driver, Replacement, ReplaceOptions } from '../../mounts/driver.js';
import type { Bytes, Call } from '../core/bytes.js';
import { fromNodeError, VfsError } from '../core/errors.js';
import { giveBack, lendBuffer } from '../core/lent-buffers.js';
import type { Path } from '../core/path.js';

const CHUNK = 1 << 19;
/** As randomUUID gives them; nothing else in the folder is ours. */
const NAME = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A folder for contents on their way to storages that take only whole bodies. Its files have no name: they are
 * unlinked as soon as they are open, so that a killed daemon leaves nothing behind and the room comes back by itself.
 */
export class Staging {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes the folder. Throws VfsError where that fails. */
  async prepare(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }).catch((error) => {
      throw fromNodeError(error, 'staging', this.#folder);
    });
  }

  /** Removes files of a daemon that was killed in the moment between making and unlinking one. Only for a start, before
   *  anybody writes. @returns how many */
  async sweep(): Promise<number> {
    const left = (await readdir(this.#folder)).filter((name) => NAME.test(name));
    await Promise.all(left.map((name) => unlink(join(this.#folder, name))));
    return left.length;
  }

  /** An empty file, read and write. */
  async create(): Promise<StagedFile> {
    const name = join(this.#folder, randomUUID());
    try {
      const file = await open(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
      await unlink(name).catch(async (error) => {
        await file.close();
        throw error;
      });
      return new StagedFile(file);
    } catch (error) {
      throw fromNodeError(error, 'staging', this.#folder);
    }
  }

  /**
   * A replacement for a driver that has none of its own: written here, then put whole.
   * @throws VfsError ENOENT with `keep` when there is nothing to begin with
   */
  async replace(driver: Driver, path: Path, options: ReplaceOptions = {}): Promise<Replacement> {
    const staged = await this.create();
    try {
      if (options.keep) await staged.fill(await driver.get(path, { signal: options.signal }));
    } catch (error) {
      await staged.close();
      throw error;
    }
    return {
      get size() {
        return staged.size;
      },
      read: (position, into) => staged.read(position, into),
      write: (position, bytes) => staged.write(position, bytes),
      truncate: (size) => staged.truncate(size),
      commit: ({ path: target = path, ...conditions } = {}) =>
        driver.put(target, staged.body(conditions), { ...conditions, size: staged.size, mode: options.mode }),
      abort: () => staged.close(),
    };
  }
}

/** A nameless file on the cache disk. Reads and writes may overlap. */
export class StagedFile {
  readonly #file: FileHandle;
  #size = 0;
  #closed = false;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  get size(): number {
    return this.#size;
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#do('read', () =>
        this.#file.read(into, done, into.length - done, position + done),
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await this.#do('write', () =>
        this.#file.write(bytes, done, bytes.length - done, position + done),
      );
      done += bytesWritten;
      this.#size = Math.max(this.#size, position + done);
    }
  }

  async truncate(size: number): Promise<void> {
    await this.#do('truncate', () => this.#file.truncate(size));
    this.#size = size;
  }

  /** Appends a whole body. */
  async fill(body: Bytes): Promise<void> {
    for await (const chunk of body) {
      await this.write(this.#size, chunk);
      giveBack(chunk);
    }
  }

  /** What it holds, from the first byte to the last, in chunks of 512 KiB. */
  async *body(call: Call = {}): Bytes {
    for (let at = 0; at < this.#size; ) {
      if (call.signal?.aborted) throw new VfsError('ECANCELED', 'staging', '');
      const chunk = lendBuffer(Math.min(CHUNK, this.#size - at));
      const length = await this.read(at, chunk);
      if (length < chunk.length) throw new VfsError('EIO', 'staging', '', { detail: 'the staged file was cut' });
      at += length;
      yield chunk;
    }
  }

  /** Frees its room. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#file.close();
  }

  async #do<T>(op: string, act: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new VfsError('EBADF', op, '');
    try {
      return await act();
    } catch (error) {
      throw fromNodeError(error, op, '');
    }
  }
}
