import type { Driver, GetOptions, PutOptions, RenameOptions, Traits } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import type { Bytes, Call } from '../../src/core/bytes.js';
import type { Attributes, Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import type { Path } from '../../src/core/path.js';

/** A storage in memory that keeps content and times only: no permissions, owners, links or handles, as object storages. */
export class PlainDriver implements Driver {
  readonly #inner = new MemoryDriver();
  readonly traits: Traits = { ...this.#inner.traits, permissions: false };

  async stat(path: Path, call?: Call): Promise<Entry> {
    return plain(await this.#inner.stat(path, call));
  }

  async *list(path: Path, call?: Call): AsyncIterable<readonly Entry[]> {
    for await (const page of this.#inner.list(path, call)) yield page.map(plain);
  }

  get(path: Path, options?: GetOptions): Promise<Bytes> {
    return this.#inner.get(path, options);
  }

  async put(path: Path, body: Bytes, options: PutOptions = {}): Promise<Entry> {
    return plain(await this.#inner.put(path, body, options));
  }

  mkdir(path: Path, call?: Call): Promise<void> {
    return this.#inner.mkdir(path, call);
  }

  unlink(path: Path, call?: Call): Promise<void> {
    return this.#inner.unlink(path, call);
  }

  rmdir(path: Path, call?: Call): Promise<void> {
    return this.#inner.rmdir(path, call);
  }

  rename(from: Path, to: Path, options?: RenameOptions): Promise<void> {
    return this.#inner.rename(from, to, options);
  }

  async setattr(path: Path, attributes: Attributes, call?: Call): Promise<Entry> {
    const { mtime, ...others } = attributes;
    if (Object.values(others).some((value) => value !== undefined)) throw new VfsError('ENOTSUP', 'setattr', path);
    return plain(await this.#inner.setattr(path, { mtime }, call));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

function plain({ name, kind, size, mtime, etag }: Entry): Entry {
  return { name, kind, size, mtime, etag };
}
