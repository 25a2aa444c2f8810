import { refuseFired } from '../../src/core/cancel.js';
import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';
import type { Replacement, ReplaceOptions } from '../driver.js';
import { localError } from './errors.js';
import type { PlaceOptions } from './placing.js';
import { ftruncate, readFully, writeFully } from './system.js';
import type { Temporary } from './temporary.js';

/** What a replacement needs of its driver. */
export interface Placer {
  /** @throws VfsError when the driver is closed or `path` is not for clients */
  begin(op: string, path: Path): void;
  place(temporary: Temporary, path: Path, options: PlaceOptions): Promise<Entry>;
  /** The replacement was given up. */
  done(replacement: LocalReplacement): void;
}

/** A temporary file beside its target, written at any position and renamed at commit. */
export class LocalReplacement implements Replacement {
  readonly #path: Path;
  readonly #temporary: Temporary;
  readonly #options: ReplaceOptions;
  readonly #placer: Placer;
  #size: number;
  #committed = false;

  constructor(path: Path, temporary: Temporary, size: number, options: ReplaceOptions, placer: Placer) {
    this.#path = path;
    this.#temporary = temporary;
    this.#size = size;
    this.#options = options;
    this.#placer = placer;
  }

  get size(): number {
    return this.#size;
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    return this.#use('read', (fd) => readFully(fd, into, position));
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    this.#refuseCommitted('write');
    await this.#use('write', (fd) => writeFully(fd, [bytes], position));
    if (bytes.length > 0) this.#size = Math.max(this.#size, position + bytes.length);
  }

  async truncate(size: number): Promise<void> {
    this.#refuseCommitted('truncate');
    await this.#use('truncate', (fd) => ftruncate(fd, size));
    this.#size = size;
  }

  async commit(options: Parameters<Replacement['commit']>[0] = {}): Promise<Entry> {
    const path = options.path ?? this.#path;
    refuseFired(options, 'commit', path);
    this.#refuseCommitted('commit');
    this.#placer.begin('commit', path);
    const { mtime, ifMatch, ifNoneMatch, signal } = options;
    const wanted = { mtime, ifMatch, ifNoneMatch, signal, mode: this.#options.mode };
    const entry = await this.#use('commit', () => this.#placer.place(this.#temporary, path, wanted));
    this.#committed = true;
    return entry;
  }

  async abort(): Promise<void> {
    this.#placer.done(this);
    await this.#temporary.discard();
  }

  #refuseCommitted(op: string): void {
    if (this.#committed) throw new VfsError('EBADF', op, this.#path, { detail: 'committed already' });
  }

  async #use<T>(op: string, action: (fd: number) => Promise<T>): Promise<T> {
    let open = false;
    const result = await this.#temporary.descriptor
      .use((fd) => {
        open = true;
        return action(fd);
      })
      .catch((error: unknown) => Promise.reject(localError(error, op, this.#path)));
    if (!open) throw new VfsError('EBADF', op, this.#path, { detail: 'closed' });
    return result as T;
  }
}
