import test from 'ava';
import { LocalSource } from '../../src/auth/local.js';
import { PasswordHasher } from '../../src/auth/password-hasher.js';
import { noLog } from '../../src/core/log.js';
import { Secret } from '../../src/core/secret.js';
import { authSuite } from '../conformance/auth.js';
import { localUsers } from '../support/local-users.js';

authSuite('local', (t) => localUsers(t));

test('the cost is what OWASP asks for, and an old hash is replaced at the next sign-in', async (t) => {
  const { store, source, add } = await localUsers(t);
  await add({ name: 'alice', password: 'correct horse' });
  const old = store.users.find('alice')?.password ?? '';
  const today = new LocalSource(store, new PasswordHasher(), noLog);
  t.is(await today.verify('alice', new Secret('wrong')), undefined);
  t.is(store.users.find('alice')?.password, old);
  t.is((await today.verify('alice', new Secret('correct horse')))?.name, 'alice');
  const renewed = store.users.find('alice')?.password ?? '';
  t.regex(renewed, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  t.is((await today.verify('alice', new Secret('correct horse')))?.name, 'alice');
  t.is(store.users.find('alice')?.password, renewed);
  t.is((await source.verify('alice', new Secret('correct horse')))?.name, 'alice', 'and back');
});

test('an account without a password takes none', async (t) => {
  const { store, source, work } = await localUsers(t);
  await store.users.add({
    name: 'key-only',
    password: null,
    admin: false,
    disabled: false,
    displayName: null,
    created: 0,
  });
  const before = work();
  for (const guess of ['null', 'undefined', 'x']) t.is(await source.verify('key-only', new Secret(guess)), undefined);
  t.is(work() - before, 3);
});

test('é is é, composed or not (RFC 8265)', async (t) => {
  const { source, add } = await localUsers(t);
  await add({ name: 'alice', password: 'caf\u00e9' });
  t.is((await source.verify('alice', new Secret('cafe\u0301')))?.name, 'alice');
});

test('hashing is bounded: what does not fit is refused, what was given up leaves the queue', async (t) => {
  const hasher = new PasswordHasher({ memoryCost: 8192, timeCost: 3, parallelism: 1 });
  const signal = AbortSignal.abort();
  const left = new AbortController();
  const secret = new Secret('x');
  const all = Array.from({ length: 300 }, (_, i) => hasher.hash(secret, i === 10 ? { signal: left.signal } : {}));
  const settled = Promise.allSettled([...all, hasher.hash(secret, { signal })]);
  left.abort();
  const results = await settled;
  const codes = results.map((result) =>
    result.status === 'fulfilled' ? 'done' : (result.reason as { code: string }).code,
  );
  t.is(codes.filter((code) => code === 'done').length, 2 + 256 - 1);
  t.is(codes[10], 'ECANCELED');
  t.is(codes[299], 'EAGAIN');
  t.is(hasher.computed, 257);
  await t.throwsAsync(hasher.hash(new Secret('')), { code: 'EINVAL' });
  await t.throwsAsync(hasher.hash(new Secret('x'.repeat(5000))), { code: 'EINVAL' });
  await t.throwsAsync(hasher.verify('$argon2id$broken', secret), { code: 'EIO' });
  t.true(await hasher.verify(await hasher.hash(secret), secret));
});
