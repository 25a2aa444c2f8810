import { randomBytes } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { TEMPORARY_PREFIX } from '../driver.js';
import { Descriptor } from './descriptor.js';
import type { Folder } from './folders.js';
import { fsync, open, unlink } from './system.js';

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

const umask = process.umask();

/** The names of temporary files that this process writes now, so that `purge` leaves them alone. */
export const living = new Set<string>();

/** A new content in the making: a file beside its target, under a name that nobody sees. */
export class Temporary {
  readonly name: string;
  readonly folder: Folder;
  readonly descriptor: Descriptor;
  /** What is at the final name as far as is known. */
  readonly instead: BigIntStats | undefined;
  /** The permission bits it has now. */
  mode: number;
  #placed = false;
  #lost: unknown;

  private constructor(name: string, folder: Folder, fd: number, mode: number, instead: BigIntStats | undefined) {
    this.mode = mode;
    this.instead = instead;
    this.name = name;
    this.folder = folder;
    this.descriptor = new Descriptor(fd);
  }

  /**
   * Makes it in `folder`, which it holds until it is discarded.
   * @param mode  what the file will have in the end; whoever may read that may read it in the making, and nobody else
   * @param instead  the file that it is going to replace
   */
  static async create(folder: Folder, mode: number, instead: BigIntStats | undefined): Promise<Temporary> {
    const name = TEMPORARY_PREFIX + randomBytes(12).toString('base64url');
    // Until it has its owner, only what the owner may do is right.
    const early = instead === undefined ? mode & 0o777 : mode & 0o700;
    living.add(name);
    try {
      const fd = await open(folder.child(name), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, early);
      return new Temporary(name, folder.retain(), fd, early & ~umask, instead);
    } catch (error) {
      living.delete(name);
      throw error;
    }
  }

  get fd(): number {
    return this.descriptor.fd;
  }

  get path(): string {
    return this.folder.child(this.name);
  }

  /**
   * Makes the content durable. Once that failed it fails for good: the kernel forgets what it could not write, and a
   * second fsync would report success over a hole.
   */
  async sync(): Promise<void> {
    if (this.#lost !== undefined) throw this.#lost;
    try {
      await fsync(this.fd);
    } catch (error) {
      this.#lost = error;
      throw error;
    }
  }

  /** The temporary name is gone: the content has its final one. */
  placed(): void {
    this.#placed = true;
    living.delete(this.name);
  }

  /** Frees the descriptor, and the content unless it was placed. Safe to call twice. */
  async discard(): Promise<void> {
    if (this.descriptor.closed) return;
    if (!this.#placed) await unlink(this.path).catch(() => {});
    living.delete(this.name);
    await this.descriptor.close();
    this.folder.release();
  }
}
