import test, { type ExecutionContext } from 'ava';
import type { Account, AuthSource } from '../../src/auth/source.js';
import { Secret } from '../../src/core/secret.js';

/** A user to put where the source looks. */
export interface TestUser {
  readonly name: string;
  readonly password: string;
  readonly groups?: readonly string[];
  readonly admin?: boolean;
  readonly disabled?: boolean;
  /** `ssh-ed25519 AAAA…` lines. */
  readonly keys?: readonly string[];
}

export interface AuthFixture {
  readonly source: AuthSource;
  add(user: TestUser): Promise<void>;
  /** How much was computed or asked so far (hashes, binds): what must be equal for all refusals. Clocks are not
   *  compared, they lie on busy machines. */
  work(): number;
}

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';

/** Names that mean something in SQL, LDAP filters, paths, shells and terminals. */
const HOSTILE_NAMES: readonly string[] = [
  "' OR '1'='1",
  "alice'--",
  'alice" OR ""="',
  '*',
  'ali*',
  'alice)(uid=*',
  '*)(objectClass=*)',
  'uid=alice,ou=people',
  '../alice',
  'alice/../bob',
  '..',
  'alice\0',
  '\0alice',
  'alice\n',
  ' alice',
  'alice ',
  'álice',
  'alic\u0435',
  '%u',
  '$(id)',
  'x'.repeat(100_000),
];

/** The suite that every source of users passes. @param open  makes a source with no user in it */
export function authSuite(kind: string, open: (t: ExecutionContext) => Promise<AuthFixture>): void {
  const verify = (source: AuthSource, name: string, password: string): Promise<Account | undefined> =>
    source.verify(name, new Secret(password));

  test(`${kind}: the right password of an account gives the account`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'alice', password: 'correct horse', groups: ['staff', 'music'] });
    await add({ name: 'root.2@example', password: 'battery', admin: true });
    const alice = await verify(source, 'alice', 'correct horse');
    t.like(alice, { name: 'alice', admin: false, disabled: false });
    t.deepEqual([...(alice?.groups ?? [])].sort(), ['music', 'staff']);
    t.like(await verify(source, 'root.2@example', 'battery'), { name: 'root.2@example', admin: true, groups: [] });
  });

  test(`${kind}: every other password is refused`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'alice', password: 'correct horse' });
    await add({ name: 'bob', password: 'other' });
    for (const wrong of [
      'correct',
      'correct horse ',
      ' correct horse',
      'Correct horse',
      'other',
      '*',
      'correct horse\0',
    ]) {
      t.is(await verify(source, 'alice', wrong), undefined, JSON.stringify(wrong));
    }
    t.is(await verify(source, 'alice', 'x'.repeat(1_000_000)), undefined);
  });

  test(`${kind}: an empty name or password is refused before anything is asked (lesson 20)`, async (t) => {
    const { source, add, work } = await open(t);
    await add({ name: 'alice', password: 'correct horse' });
    const before = work();
    t.is(await verify(source, 'alice', ''), undefined);
    t.is(await verify(source, '', 'correct horse'), undefined);
    t.is(await verify(source, '', ''), undefined);
    t.is(work(), before);
  });

  test(`${kind}: a disabled account is refused, and says so when it is looked up`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'gone', password: 'correct horse', disabled: true });
    t.is(await verify(source, 'gone', 'correct horse'), undefined);
    t.like(await source.find('gone'), { name: 'gone', disabled: true });
  });

  test(`${kind}: a refusal costs the same whoever is asked for`, async (t) => {
    const { source, add, work } = await open(t);
    await add({ name: 'alice', password: 'correct horse' });
    await add({ name: 'gone', password: 'correct horse', disabled: true });
    const cost = async (name: string, password: string): Promise<number> => {
      const before = work();
      t.is(await verify(source, name, password), undefined, name.slice(0, 40));
      return work() - before;
    };
    const usual = await cost('alice', 'wrong');
    t.true(usual > 0);
    t.is(await cost('nobody', 'wrong'), usual);
    t.is(await cost('gone', 'wrong'), usual);
    t.is(await cost('gone', 'correct horse'), usual);
    t.is(await cost('../alice', 'correct horse'), usual);
    t.is(await cost('alice', 'x'.repeat(1_000_000)), usual);
  });

  test(`${kind}: names are data (lesson 3)`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'alice', password: 'correct horse', keys: [KEY] });
    await add({ name: 'bob', password: 'correct horse' });
    for (const name of HOSTILE_NAMES) {
      const shown = JSON.stringify(name.slice(0, 40));
      t.is(await verify(source, name, 'correct horse'), undefined, shown);
      t.is(await source.find(name), undefined, shown);
      t.deepEqual(await source.publicKeys(name), [], shown);
    }
  });

  test(`${kind}: passwords are taken whole, whatever they hold`, async (t) => {
    const { source, add } = await open(t);
    const passwords: readonly (readonly [string, string])[] = [
      ['grüße-🔑-пароль', 'grüße-🔑-пароль!'],
      [`${'a'.repeat(72)}b`, `${'a'.repeat(72)}c`],
      ['b'.repeat(512), 'b'.repeat(511)],
      ['left\0right', 'left'],
      ['left\0right', 'left\0wrong'],
      [' spaces kept ', 'spaces kept'],
      [`q'"\\;--)(|*`, `q'"\\;--)(|`],
    ];
    for (const [at, [right, wrong]] of passwords.entries()) {
      await add({ name: `user${at}`, password: right });
      t.is((await verify(source, `user${at}`, right))?.name, `user${at}`);
      t.is(await verify(source, `user${at}`, wrong), undefined);
    }
  });

  test(`${kind}: look-ups and the list`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'alice', password: 'a1', groups: ['staff'], keys: [KEY] });
    await add({ name: 'bob', password: 'b1', admin: true });
    t.like(await source.find('bob'), { name: 'bob', admin: true, disabled: false });
    t.is(await source.find('nobody'), undefined);
    t.deepEqual(await source.publicKeys('alice'), [KEY]);
    t.deepEqual(await source.publicKeys('bob'), []);
    t.deepEqual(await source.publicKeys('nobody'), []);
    const names: string[] = [];
    for await (const { name } of source.list()) names.push(name);
    t.deepEqual(names.sort(), ['alice', 'bob']);
  });

  test(`${kind}: many at once`, async (t) => {
    const { source, add } = await open(t);
    await add({ name: 'alice', password: 'correct horse' });
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => verify(source, 'alice', i % 3 === 0 ? 'correct horse' : `wrong ${i}`)),
    );
    t.deepEqual(
      answers.map((account) => account?.name),
      Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? 'alice' : undefined)),
    );
  });
}
