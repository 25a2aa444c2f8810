import { Writable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import { AccountEvents } from '../../src/auth/account-events.js';
import { SignIn } from '../../src/auth/sign-in.js';
import type { Account, AuthSource } from '../../src/auth/source.js';
import { VfsError } from '../../src/core/errors.js';
import { type Logger, noLog } from '../../src/core/log.js';
import { type Meter, noMeter } from '../../src/core/meter.js';
import { Secret } from '../../src/core/secret.js';
import { type LocalUsers, localUsers } from '../support/local-users.js';

const ORIGIN = { address: '192.0.2.1', door: 'webdav' };
const KEY = 'AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';

interface Setup extends LocalUsers {
  readonly signIn: SignIn;
  readonly events: AccountEvents;
  readonly counts: Map<string, number>;
  pass(ms: number): void;
  enter(name: string, password: string, address?: string): Promise<string | undefined>;
}

async function setup(
  t: ExecutionContext,
  { others = [], before = [], log = noLog }: { others?: AuthSource[]; before?: AuthSource[]; log?: Logger } = {},
): Promise<Setup> {
  const users = await localUsers(t, { log });
  const events = new AccountEvents();
  const counts = new Map<string, number>();
  const meter: Meter = {
    ...noMeter,
    counter: (name) => ({
      add: (labels) => {
        const series = `${name} ${labels.join(' ')}`;
        counts.set(series, (counts.get(series) ?? 0) + 1);
      },
    }),
  };
  let now = 0;
  const signIn = new SignIn({ sources: [...before, users.source, ...others], events, log, meter, now: () => now });
  return {
    ...users,
    signIn,
    events,
    counts,
    pass: (ms) => {
      now += ms;
    },
    enter: async (name, password, address = ORIGIN.address) =>
      (await signIn.password(name, new Secret(password), { ...ORIGIN, address }))?.name,
  };
}

/** A directory of one account, or one that is down. */
function directory(account: Account | 'down', password = ''): AuthSource {
  const answer = async (): Promise<Account> => {
    if (account === 'down') throw new VfsError('ETIMEDOUT', 'bind', 'ldap');
    return account;
  };
  return {
    name: 'directory',
    verify: async (name, given) => {
      const known = await answer();
      return name === known.name && given.reveal() === password && !known.disabled ? known : undefined;
    },
    find: async (name) => {
      const known = await answer();
      return name === known.name ? known : undefined;
    },
    async *list() {
      yield await answer();
    },
    publicKeys: async () => {
      await answer();
      return [];
    },
  };
}

const account = (name: string, rest: Partial<Account> = {}): Account => ({
  name,
  groups: [],
  admin: false,
  disabled: false,
  ...rest,
});

test('a password that was right is remembered for a minute, by name, password and nothing weaker', async (t) => {
  const { enter, add, work, pass } = await setup(t);
  await add({ name: 'alice', password: 'correct' });
  await add({ name: 'bob', password: 'other' });
  const start = work();
  for (let i = 0; i < 5; i += 1) t.is(await enter('alice', 'correct'), 'alice');
  t.is(work() - start, 1);
  t.is(await enter('bob', 'correct'), undefined);
  t.is(await enter('alice', 'other'), undefined);
  t.is(work() - start, 3);
  pass(59_000);
  t.is(await enter('alice', 'correct'), 'alice');
  t.is(work() - start, 3);
  pass(1_000);
  t.is(await enter('alice', 'correct'), 'alice');
  t.is(work() - start, 4);
  pass(-10_000_000);
  t.is(await enter('alice', 'correct'), 'alice');
  t.is(work() - start, 5, 'a clock set back ends what is remembered');
});

test('many connections with one password are one attempt', async (t) => {
  const { enter, add, work } = await setup(t);
  await add({ name: 'alice', password: 'correct' });
  const start = work();
  const all = await Promise.all(Array.from({ length: 40 }, () => enter('alice', 'correct')));
  t.true(all.every((name) => name === 'alice'));
  t.is(work() - start, 1);
  await Promise.all(Array.from({ length: 40 }, () => enter('alice', 'wrong')));
  t.is(work() - start, 2);
});

test('lesson 9: a changed password, a disabled or removed user is out at once', async (t) => {
  const { signIn, enter, add, store, hasher, events, pass } = await setup(t);
  await add({ name: 'alice', password: 'old', groups: ['staff'] });
  const principal = await signIn.password('alice', new Secret('old'), ORIGIN);
  t.deepEqual(principal, { name: 'alice', groups: ['staff'], admin: false });
  await store.users.setPassword('alice', await hasher.hash(new Secret('new')));
  events.changed('alice');
  t.is(await enter('alice', 'old'), undefined);
  t.is(await enter('alice', 'new'), 'alice');
  await store.groups.set('alice', ['other']);
  t.deepEqual((await signIn.current(principal!))?.groups, ['other']);
  await store.users.setFlags('alice', { disabled: true });
  events.changed('alice');
  t.is(await enter('alice', 'new'), undefined);
  t.is(await signIn.current(principal!), undefined);
  await store.users.setFlags('alice', { disabled: false });
  t.is(await enter('alice', 'new'), 'alice');
  await store.users.remove('alice');
  events.changed('alice');
  t.is(await enter('alice', 'new'), undefined);
  t.is(await signIn.current(principal!), undefined);
  pass(60_000);
});

test('a password that changes while it is verified is not remembered', async (t) => {
  const { enter, add, events, work } = await setup(t);
  await add({ name: 'alice', password: 'old' });
  const start = work();
  const entering = enter('alice', 'old');
  events.changed('alice');
  t.is(await entering, 'alice');
  t.is(await enter('alice', 'old'), 'alice');
  t.is(work() - start, 2);
});

test('names that cannot exist cost what unknown users cost, and never get in', async (t) => {
  const { enter, work, counts, add } = await setup(t);
  await add({ name: 'alice', password: 'correct' });
  for (const [at, name] of ['../alice', 'alice\0', '*', 'x'.repeat(1000), 'nobody', 'alice '].entries()) {
    const start = work();
    t.is(await enter(name, 'correct', `192.0.2.${at}`), undefined);
    t.is(work() - start, 1, name.slice(0, 20));
  }
  const start = work();
  t.is(await enter('', 'correct'), undefined);
  t.is(await enter('alice', ''), undefined);
  t.is(work(), start);
  t.is(counts.get('isthmus_signins_total webdav refused'), 8);
});

test('guessing is slowed down; who signed in before is not concerned', async (t) => {
  const { enter, add, counts, pass } = await setup(t);
  await add({ name: 'alice', password: 'correct' });
  t.is(await enter('alice', 'correct', '198.51.100.1'), 'alice');
  let throttled = 0;
  for (let i = 0; i < 30; i += 1) {
    const error = await enter('alice', `guess ${i}`).catch((reason: unknown) => reason);
    if (error instanceof VfsError) {
      t.is(error.code, 'EAGAIN');
      throttled += 1;
    }
  }
  t.is(throttled, 19);
  t.is(counts.get('isthmus_signins_total webdav throttled'), 19);
  t.is(await enter('alice', 'correct', '203.0.113.200'), 'alice', 'a password proven before needs no guessing');
  t.is(await enter('alice', 'correct', '198.51.100.1'), 'alice');
  pass(61_000);
  t.is(await enter('alice', 'correct', '198.51.100.1'), 'alice', 'also when it must be verified anew');
  t.is(await enter('alice', 'correct'), 'alice', 'and the guesser’s address is let in again');
});

test('a source that cannot tell is no refusal, unless another says yes', async (t) => {
  const after = await setup(t, { others: [directory('down')] });
  await after.add({ name: 'alice', password: 'correct' });
  t.is(await after.enter('alice', 'correct'), 'alice');
  for (let i = 0; i < 40; i += 1) await t.throwsAsync(after.enter('alice', 'wrong'), { code: 'EUNAVAILABLE' });
  await t.throwsAsync(after.enter('nobody', 'wrong'), { code: 'EUNAVAILABLE' });
  t.is((await after.signIn.current({ name: 'alice', groups: [], admin: false }))?.name, 'alice');
  await t.throwsAsync(after.signIn.current({ name: 'zoe', groups: [], admin: false }), { code: 'EUNAVAILABLE' });
  t.is(after.counts.get('isthmus_signins_total webdav unavailable'), 41);

  const first = await setup(t, { before: [directory('down')] });
  await first.add({ name: 'alice', password: 'correct' });
  t.is(await first.enter('alice', 'correct'), 'alice');
});

test('a name belongs to the first source that knows it', async (t) => {
  const twin = directory(account('alice', { admin: true }), 'theirs');
  const { enter, add, signIn, store } = await setup(t, { others: [twin, directory(account('zoe'), 'z')] });
  t.is(await enter('alice', 'theirs'), 'alice', 'while nobody else has it');
  await add({ name: 'alice', password: 'ours', disabled: true });
  t.is(await enter('alice', 'theirs', '192.0.2.2'), 'alice', 'remembered; the administration tells of changes');
  const fresh = await setup(t, { others: [twin] });
  await fresh.add({ name: 'alice', password: 'ours', disabled: true });
  t.is(await fresh.enter('alice', 'theirs'), undefined);
  t.is(await fresh.enter('alice', 'ours'), undefined);
  t.is(await enter('zoe', 'z'), 'zoe');
  t.is(await signIn.current({ name: 'alice', groups: [], admin: true }), undefined);
  await store.users.setFlags('alice', { disabled: false });
  t.false((await signIn.current({ name: 'alice', groups: [], admin: true }))?.admin);
  const liar = directory(account('../../etc'), 'x');
  const hostile = await setup(t, { others: [{ ...liar, verify: async () => account('../../etc') }] });
  t.is(await hostile.enter('alice', 'x'), undefined, 'a name that a source makes up is data too');
});

test('public keys', async (t) => {
  const { signIn, add, store } = await setup(t, { others: [directory('down')] });
  const key = Buffer.from(KEY, 'base64');
  await add({ name: 'alice', password: 'x', keys: [`ssh-ed25519 ${KEY}`] });
  await add({ name: 'bob', password: 'x' });
  t.is((await signIn.publicKey('alice', key, ORIGIN))?.name, 'alice');
  t.is(await signIn.publicKey('bob', key, ORIGIN), undefined);
  t.is(await signIn.publicKey('alice', key.subarray(0, -1), ORIGIN), undefined);
  t.is(await signIn.publicKey('alice', new Uint8Array(), ORIGIN), undefined);
  t.is(await signIn.publicKey('../alice', key, ORIGIN), undefined);
  await t.throwsAsync(signIn.publicKey('zoe', key, ORIGIN), { code: 'EUNAVAILABLE' });
  await store.users.setFlags('alice', { disabled: true });
  t.is(await signIn.publicKey('alice', key, ORIGIN), undefined);
});

test('no secret in the log of a whole session', async (t) => {
  let text = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const log = pino({ level: 'trace' }, sink);
  const { enter, add, store } = await setup(t, { log, others: [directory('down', 'Directory-Secret-3')] });
  await add({ name: 'alice', password: 'Right-Secret-1' });
  await enter('alice', 'Right-Secret-1');
  await enter('alice', 'Wrong-Secret-2').catch(() => {});
  await enter('Typed-In-The-Name-Field-4', 'alice').catch(() => {});
  await enter('Typed with spaces-5', 'alice').catch(() => {});
  for (let i = 0; i < 20; i += 1) await enter('alice', `Guess-Secret-${i}`).catch(() => {});
  await store.users.setPassword('alice', '$argon2id$broken');
  await enter('alice', 'Broken-Secret-6').catch(() => {});
  log.info({ password: new Secret('Secret-Object-7') }, 'a secret by mistake');
  t.true(text.includes('signed in') && text.includes('does not answer'));
  t.notRegex(text, /Secret-\d|Typed|argon2/);
});
