import { randomInt } from 'node:crypto';
import { chmod, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PasswordHasher } from '../auth/password-hasher.js';
import { Secret } from '../core/secret.js';
import type { Store } from '../store/store.js';
import { openingError } from '../store/store-error.js';

/** Without the characters that people take for one another. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
/** 24 of 57 characters: 139 bits. */
const LENGTH = 24;

/** The first user, when it was made at this start. */
export interface FirstUser {
  readonly name: string;
  /** Where its password stands. */
  readonly file: string;
}

/**
 * Makes the user `admin` with a random password, if there is no user at all. The password is on the disk before the user
 * is, so that a start that is cut off leaves nobody with a password that nobody knows.
 * @param file  `<state>/initial-password`, made with mode 0600
 * @returns undefined when there were users
 * @throws StoreError when the file cannot be written
 */
export async function ensureFirstUser(
  store: Store,
  hasher: PasswordHasher,
  file: string,
): Promise<FirstUser | undefined> {
  if (store.users.any) return undefined;
  const password = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  await writePrivate(file, `${password}\n`);
  const added = await store.users.addFirst({
    name: 'admin',
    password: await hasher.hash(new Secret(password)),
    admin: true,
    disabled: false,
    displayName: null,
    created: Date.now(),
  });
  if (added) return { name: 'admin', file };
  await rm(file, { force: true });
  return undefined;
}

/** O_EXCL beside, then renamed: a link that somebody put in its place is replaced and not followed. */
async function writePrivate(file: string, text: string): Promise<void> {
  const beside = `${file}.${process.pid}`;
  try {
    await rm(beside, { force: true });
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(beside, 0o600);
    await rename(beside, file);
    const folder = await open(dirname(file), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw openingError(error, file);
  }
}
