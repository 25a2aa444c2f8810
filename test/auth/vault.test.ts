import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Vault } from '../../src/auth/vault.js';
import { noLog } from '../../src/core/log.js';
import { Secret } from '../../src/core/secret.js';
import { openStore } from '../../src/store/store.js';
import { tempFolder } from '../support/temp.js';

const LOGIN = {
  user: 'alice',
  password: new Secret('pÄss\0wörd 🔑 unsealed'),
  privateKey: new Secret('-----BEGIN KEY-----'),
};

test('what is sealed opens again, in its own row and nowhere else', async (t) => {
  const folder = await tempFolder(t);
  const key = join(folder, 'secret.key');
  const file = join(folder, 'isthmus.db');
  const store = await openStore({ file, log: noLog });
  const table = store.credentials;
  const vault = Vault.open(key, table);
  t.is(statSync(key).mode & 0o777, 0o600);
  await vault.put('mount:/a user:alice', LOGIN);
  await vault.put('mount:/b', { password: new Secret('other') });
  const again = Vault.open(key, table);
  const opened = again.get('mount:/a user:alice');
  t.is(opened?.user, 'alice');
  t.is(opened?.password?.reveal(), 'pÄss\0wörd 🔑 unsealed');
  t.is(opened?.privateKey?.reveal(), '-----BEGIN KEY-----');
  t.is(again.get('mount:/b')?.user, undefined);
  t.is(again.get('mount:/none'), undefined);

  const sealed = table.get('mount:/a user:alice')!;
  await table.put('mount:/b', sealed, 0);
  t.throws(() => again.get('mount:/b'), { code: 'EIO' }, 'moved to another row');
  for (const at of [0, 1, 13, 29, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at] = changed[at]! ^ 1;
    await table.put('mount:/a user:alice', changed, 0);
    t.throws(() => again.get('mount:/a user:alice'), { code: 'EIO' }, `byte ${at}`);
  }
  for (const length of [0, 1, 12, 28, 29]) {
    await table.put('mount:/a user:alice', sealed.subarray(0, length), 0);
    t.throws(() => again.get('mount:/a user:alice'), { code: 'EIO' }, `${length} bytes`);
  }
  t.true(await again.remove('mount:/b'));
  await vault.put('mount:/a user:alice', LOGIN);
  await store.close();
  const bytes = readFileSync(file);
  t.false(bytes.includes('unsealed') || bytes.includes('BEGIN KEY'));
});

test('lesson 12: no key, an empty key or a readable key fails closed', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'secret.key');
  const store = await openStore({ file: join(folder, 'isthmus.db'), log: noLog });
  t.teardown(() => store.close());
  const open = () => Vault.open(file, store.credentials);
  await open().put('row', LOGIN);
  const key = readFileSync(file, 'utf8');
  rmSync(file);
  t.throws(open, { message: /secret.key: missing, but .* backup/ });
  t.throws(() => statSync(file), { code: 'ENOENT' });
  for (const broken of ['', '\n', key.slice(0, 62), `${key}00`, 'g'.repeat(64), '0'.repeat(63)]) {
    writeFileSync(file, broken, { mode: 0o600 });
    t.throws(open, { message: /empty or broken/ }, JSON.stringify(broken));
  }
  writeFileSync(file, key);
  chmodSync(file, 0o640);
  t.throws(open, { message: /others may read it/ });
  chmodSync(file, 0o600);
  t.is(open().get('row')?.password?.reveal(), LOGIN.password.reveal());
  writeFileSync(file, 'ab'.repeat(32));
  t.throws(() => open().get('row'), { code: 'EIO' }, 'another key');
  await store.credentials.remove('row');
  writeFileSync(file, '');
  t.throws(open, { message: /empty or broken/ }, 'also while nothing is sealed');
});
