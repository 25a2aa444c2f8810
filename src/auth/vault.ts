import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { VfsError } from '../core/errors.js';
import { Secret } from '../core/secret.js';
import type { SealedCredentials } from '../store/sealed-credentials.js';
import { codeOf, openingError, StoreError } from '../store/store-error.js';

/** What signs in at a storage. */
export interface SealedLogin {
  readonly user?: string | undefined;
  readonly password?: Secret | undefined;
  readonly privateKey?: Secret | undefined;
}

const VERSION = 1;
const NONCE = 12;
const TAG = 16;
const KEY = 32;

/**
 * Seals the credentials that the database keeps: AES-256-GCM (NIST SP 800-38D) with a random nonce, under a key that is
 * not in the database. The row's identity is authenticated with it, so a row cannot be put in another's place.
 *
 * A sealed value is: version (1 byte), nonce (12), tag (16), ciphertext.
 */
export class Vault {
  readonly #key: Buffer;
  readonly #table: SealedCredentials;

  private constructor(key: Buffer, table: SealedCredentials) {
    this.#key = key;
    this.#table = table;
  }

  /**
   * Opens the vault; at the first start it makes the key, with mode 0600.
   * @param file   the key, 64 hexadecimal digits: `<state>/secret.key`
   * @throws StoreError `key` when the key is missing although sealed rows exist, empty, broken, or readable by
   *         others (lesson 12: an empty key fails closed)
   */
  static open(file: string, table: SealedCredentials): Vault {
    const text = read(file);
    if (text === undefined && table.any)
      throw new StoreError(
        'key',
        `${file}: missing, but the database holds credentials sealed with it; put it back from a backup`,
      );
    const key = text === undefined ? create(file) : Buffer.from(text.trim(), 'hex');
    if (key.length !== KEY || (text !== undefined && !/^[0-9a-f]{64}\s*$/.test(text)))
      throw new StoreError(
        'key',
        `${file}: empty or broken, 64 hexadecimal digits expected; put it back from a backup`,
      );
    return new Vault(key, table);
  }

  /** @param id  the row: which mount, and whose. 1 to 1,024 characters. */
  async put(id: string, login: SealedLogin): Promise<void> {
    const { user, password, privateKey } = login;
    const plain = JSON.stringify({ user, password: password?.reveal(), privateKey: privateKey?.reveal() });
    await this.#table.put(id, this.#seal(id, plain), Date.now());
  }

  /** @throws VfsError EIO when the row was changed, moved, or sealed with another key */
  get(id: string): SealedLogin | undefined {
    const sealed = this.#table.get(id);
    if (sealed === undefined) return undefined;
    const { user, password, privateKey } = JSON.parse(this.#open(id, sealed)) as Record<string, string | undefined>;
    return { user, password: secret(password), privateKey: secret(privateKey) };
  }

  remove(id: string): Promise<boolean> {
    return this.#table.remove(id);
  }

  #seal(id: string, plain: string): Buffer {
    const nonce = randomBytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG });
    cipher.setAAD(identity(id));
    const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), body]);
  }

  #open(id: string, sealed: Buffer): string {
    try {
      if (sealed[0] !== VERSION) throw new RangeError('unknown version');
      const nonce = sealed.subarray(1, 1 + NONCE);
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce, { authTagLength: TAG });
      decipher.setAAD(identity(id));
      decipher.setAuthTag(sealed.subarray(1 + NONCE, 1 + NONCE + TAG));
      return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE + TAG)), decipher.final()]).toString('utf8');
    } catch (cause) {
      throw new VfsError('EIO', 'unseal', id, {
        cause,
        detail: 'the sealed credentials cannot be opened; enter them again',
      });
    }
  }
}

function identity(id: string): Buffer {
  return Buffer.from(`isthmus credentials 1\0${id}`);
}

function secret(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text);
}

function read(file: string): string | undefined {
  try {
    const { mode } = statSync(file);
    if ((mode & 0o077) !== 0)
      throw new StoreError('key', `${file}: others may read it (mode ${(mode & 0o777).toString(8)}); chmod 600 it`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw openingError(error, file);
  }
}

/** Whole or not at all, and never over another key: written beside, flushed, then linked into place. */
function create(file: string): Buffer {
  const key = randomBytes(KEY);
  const beside = `${file}.${process.pid}`;
  try {
    rmSync(beside, { force: true });
    const descriptor = openSync(beside, 'wx', 0o600);
    try {
      chmodSync(beside, 0o600);
      writeSync(descriptor, `${key.toString('hex')}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    linkSync(beside, file);
    const folder = openSync(dirname(file), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return key;
  } catch (error) {
    throw openingError(error, file);
  } finally {
    rmSync(beside, { force: true });
  }
}
