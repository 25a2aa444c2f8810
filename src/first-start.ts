import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PasswordHasher } from './auth/password-hasher.js';
import { Secret } from './core/secret.js';
import { shownPath } from './ready-line.js';
import type { Store } from './store/store.js';

const NAME = 'admin';

/**
 * Makes the first user, `admin`, when there is no user at all. Its password is 120 random bits in a file that only the
 * daemon's account reads, written before the user is: a daemon killed in between begins again.
 * @returns the line for people; undefined when there were users
 */
export async function firstStart(
  store: Pick<Store, 'users'>,
  hasher: PasswordHasher,
  state: string,
): Promise<string | undefined> {
  if (store.users.any) return undefined;
  const file = join(state, 'initial-password');
  const password = new Secret(randomBytes(15).toString('base64url'));
  await rm(file, { force: true });
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${password.reveal()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await store.users.addFirst({
    name: NAME,
    password: await hasher.hash(password),
    admin: true,
    disabled: false,
    displayName: null,
    created: Date.now(),
  });
  return `first start: user ${NAME}, password in ${shownPath(file)} (0600)`;
}
