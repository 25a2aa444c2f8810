import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { LocalSource } from '../../src/auth/local.js';
import { PasswordHasher } from '../../src/auth/password-hasher.js';
import { type Logger, noLog } from '../../src/core/log.js';
import { Secret } from '../../src/core/secret.js';
import { openStore, type Store } from '../../src/store/store.js';
import type { TestUser } from '../conformance/auth.js';
import { tempFolder } from './temp.js';

export interface LocalUsers {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  readonly source: LocalSource;
  add(user: TestUser): Promise<void>;
  work(): number;
}

/** A store with users in it; hashes are cheap unless `hasher` says otherwise. Closed when the test ends. */
export async function localUsers(
  t: ExecutionContext,
  {
    log = noLog,
    hasher = new PasswordHasher({ memoryCost: 64, timeCost: 1, parallelism: 1 }),
  }: { log?: Logger; hasher?: PasswordHasher } = {},
): Promise<LocalUsers> {
  const store = await openStore({ file: join(await tempFolder(t), 'isthmus.db'), log });
  t.teardown(() => store.close());
  return {
    store,
    hasher,
    source: new LocalSource(store, hasher, log),
    async add({ name, password, groups = [], admin = false, disabled = false, keys = [] }) {
      const hash = await hasher.hash(new Secret(password));
      await store.users.add({ name, password: hash, admin, disabled, displayName: null, created: 0 });
      await store.groups.set(name, groups);
      for (const [at, key] of keys.entries()) {
        await store.sshKeys.add({ user: name, fingerprint: `SHA256:${at}`, key, comment: '', created: at });
      }
    },
    work: () => hasher.computed,
  };
}
