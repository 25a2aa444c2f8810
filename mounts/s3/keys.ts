import { VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { type Path, parseName, parsePath, ROOT, segments } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import type { Where } from './errors.js';

/** Amazon S3 user guide, naming objects: 1,024 bytes of UTF-8. */
const KEY_MAX = 1024;
const REMEMBERED = 1000;

/** Between paths of the driver and keys of the bucket, below one prefix. */
export class Keys {
  /** Empty, or ends with a slash. */
  readonly prefix: string;
  readonly #log: Logger;
  readonly #logged = new Set<string>();

  constructor(prefix: string, log: Logger) {
    const path = parsePath(prefix);
    this.prefix = path === ROOT ? '' : `${path.slice(1)}/`;
    this.#log = log;
  }

  /**
   * The key of a file.
   * @throws VfsError ENAMETOOLONG past 1,024 bytes; ENOENT for names that belong to temporary files
   */
  file(path: Path, { op }: Where): string {
    const key = this.prefix + path.slice(1);
    if (path.includes(TEMPORARY_PREFIX) && segments(path).some((name) => name.startsWith(TEMPORARY_PREFIX))) {
      throw new VfsError('ENOENT', op, path);
    }
    // One byte is left for the slash of a folder, so that every name can be both.
    if (key.length >= KEY_MAX / 3 && Buffer.byteLength(key) >= KEY_MAX) throw new VfsError('ENAMETOOLONG', op, path);
    return key;
  }

  /** The key of a folder's marker, with which every key below it begins. */
  folder(path: Path, where: Where): string {
    return path === ROOT ? this.prefix : `${this.file(path, where)}/`;
  }

  /** The name that `text`, the rest of a key below a folder, gives; undefined, and logged once, where it is none. */
  name(text: string, key: string): string | undefined {
    try {
      const name = parseName(text);
      return name.startsWith(TEMPORARY_PREFIX) ? undefined : name;
    } catch {
      this.#once(key, 'a key that is no path is left out');
      return undefined;
    }
  }

  /** A file and a folder of one name: the file is shown. */
  clash(key: string): void {
    this.#once(key, 'a key is a file and a folder: the folder is left out');
  }

  #once(key: string, message: string): void {
    if (this.#logged.size >= REMEMBERED || this.#logged.has(key)) return;
    this.#logged.add(key);
    this.#log.warn({ key: key.slice(0, 300) }, message);
  }
}
