import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { noLog } from '../../src/core/log.js';
import type { EngineName } from '../../src/store/engine.js';
import { openStore, type Store } from '../../src/store/store.js';
import type { LockRow } from '../../src/store/tables.js';
import { tempFolder } from '../support/temp.js';

const ENGINES: readonly EngineName[] = ['better-sqlite3', 'libsql'];

async function opened(t: ExecutionContext, engine: EngineName): Promise<Store> {
  const store = await openStore({ file: join(await tempFolder(t), 'x.db'), log: noLog, engine });
  t.teardown(() => store.close());
  return store;
}

const lock = (token: string, rest: Partial<LockRow> = {}): LockRow => ({
  token,
  space: 'home:alice',
  path: '/a',
  scope: 'exclusive',
  deep: true,
  holder: 'alice',
  owner: '<D:owner>“alice”</D:owner>',
  expires: 1000,
  ...rest,
});

for (const engine of ENGINES) {
  test(`${engine}: locks outlive the process and end by the clock`, async (t) => {
    const { locks } = await opened(t, engine);
    await locks.put(lock('urn:uuid:1'));
    await locks.put(lock('urn:uuid:2', { scope: 'shared', deep: false, expires: 2000.4 }));
    t.deepEqual(locks.all(999), [
      lock('urn:uuid:1'),
      lock('urn:uuid:2', { scope: 'shared', deep: false, expires: 2001 }),
    ]);
    t.deepEqual(
      locks.all(1000).map(({ token }) => token),
      ['urn:uuid:2'],
    );
    await locks.put(lock('urn:uuid:1', { expires: 5000 }));
    t.is(locks.all(2001).length, 1);
    await locks.remove(['urn:uuid:1', 'urn:uuid:none']);
    await locks.remove([]);
    t.deepEqual(
      locks.all(0).map(({ token }) => token),
      ['urn:uuid:2'],
    );
    await locks.forget(3000);
    t.deepEqual(locks.all(0), []);
  });

  test(`${engine}: properties move, copy and go with their folder and nothing beside it`, async (t) => {
    const { properties } = await opened(t, engine);
    t.false(properties.any);
    const one = (value: string) => new Map([['DAV: x', value]]);
    const none = new Set<string>();
    const odd = ['/a', '/a/b', '/a/b/😀é', '/a%', '/a_b', '/a-', '/ab', '/a0', '/a/%', '/A'];
    for (const path of odd) await properties.change('home:u', path, one(path), none);
    await properties.change('mount:/a', '/a', one('other space'), none);
    t.true(properties.any);

    await properties.move('home:u', '/a', 'home:u', '/new/place');
    for (const path of ['/a', '/a/b', '/a/%']) t.is(properties.of('home:u', path).size, 0, path);
    t.is(properties.of('home:u', '/new/place/b/😀é').get('DAV: x'), '/a/b/😀é');
    for (const path of ['/a%', '/a_b', '/a-', '/ab', '/a0', '/A']) {
      t.is(properties.of('home:u', path).get('DAV: x'), path);
    }
    t.deepEqual([...properties.below('home:u', '/new/place').keys()].sort(), ['/new/place/%', '/new/place/b']);
    t.deepEqual([...properties.below('home:u', '/new').keys()], ['/new/place']);

    await properties.copy('home:u', '/new/place', 'mount:/a', '/');
    t.deepEqual([...properties.of('mount:/a', '/')], [['DAV: x', '/a']]);
    t.is(properties.of('mount:/a', '/a').size, 0, 'what the target had is dropped');
    t.deepEqual([...properties.below('mount:/a', '/').keys()].sort(), ['/%', '/b']);
    await properties.move('mount:/a', '/', 'home:u', '/back');
    t.deepEqual([...properties.below('home:u', '/back/b').keys()], ['/back/b/😀é']);

    await properties.move('home:u', '/new/place/b', 'home:u', '/new/place');
    t.is(properties.of('home:u', '/new/place/😀é').get('DAV: x'), '/a/b/😀é');
    await properties.removeTree('home:u', '/a');
    t.is(properties.of('home:u', '/ab').size, 1);
    await properties.removeTree('home:u', '/');
    t.is(properties.below('home:u', '/').size, 0);
    t.false(properties.any);
  });

  test(`${engine}: a move right after a change that is still under way takes it along`, async (t) => {
    const { properties } = await opened(t, engine);
    const change = properties.change('s', '/x', new Map([['n', 'v']]), new Set());
    const move = properties.move('s', '/x', 's', '/y');
    await Promise.all([change, move]);
    t.deepEqual([...properties.of('s', '/y')], [['n', 'v']]);
    await properties.change('s', '/y', new Map([['m', 'w']]), new Set(['n', 'absent']));
    t.deepEqual([...properties.of('s', '/y')], [['m', 'w']]);
  });

  test(`${engine}: sealed credentials by identity`, async (t) => {
    const { credentials } = await opened(t, engine);
    t.false(credentials.any);
    await credentials.put('mount:/a|user:x', Buffer.from([1, 0, 2]), 5);
    await credentials.put('mount:/a|user:x', Buffer.from([0]), 6);
    await credentials.put('mount:/ab|user:x', Buffer.from([3]), 6);
    t.deepEqual(credentials.get('mount:/a|user:x'), Buffer.from([0]));
    t.is(credentials.get('nobody'), undefined);
    t.deepEqual(credentials.ids('mount:/a|'), ['mount:/a|user:x']);
    t.true(await credentials.remove('mount:/a|user:x'));
    t.false(await credentials.remove('mount:/a|user:x'));
    t.true(credentials.any);
  });
}

test('properties follow a model through any sequence of changes', async (t) => {
  const { properties } = await opened(t, 'better-sqlite3');
  const name = fc.constantFrom('a', 'b', 'ab', '%', '_', 'é', '😀', '0', '.x');
  const path = fc.array(name, { maxLength: 3 }).map((names) => `/${names.join('/')}`);
  const step = fc.record({ kind: fc.constantFrom('set', 'set', 'set', 'move', 'copy', 'remove'), path, to: path });
  const within = (inner: string, outer: string) => outer === '/' || inner === outer || inner.startsWith(`${outer}/`);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      let model = new Map<string, string>();
      for (const [at, { kind, path, to }] of steps.entries()) {
        if (kind === 'set') {
          await properties.change('s', path, new Map([['n', String(at)]]), new Set());
          model.set(path, String(at));
        } else if (kind === 'remove') {
          await properties.removeTree('s', path);
          model = new Map([...model].filter(([key]) => !within(key, path)));
        } else if (path !== to) {
          await properties[kind === 'move' ? 'move' : 'copy']('s', path, 's', to);
          const moved = [...model].filter(([key]) => within(key, path));
          if (kind === 'move') for (const [key] of moved) model.delete(key);
          model = new Map([...model].filter(([key]) => !within(key, to)));
          for (const [key, value] of moved) {
            const below = path === '/' ? key : key.slice(path.length) || '/';
            model.set(to === '/' ? below : below === '/' ? to : to + below, value);
          }
        }
      }
      const actual = new Map<string, string>();
      const visit = (folder: string): void => {
        for (const [child, values] of properties.below('s', folder)) actual.set(child, values.get('n')!);
      };
      const parents = new Set([...model.keys()].map((key) => key.slice(0, key.lastIndexOf('/')) || '/'));
      for (const parent of parents) visit(parent);
      const root = properties.of('s', '/').get('n');
      if (root !== undefined) actual.set('/', root);
      await properties.removeTree('s', '/');
      t.deepEqual([...actual].sort(), [...model].sort());
    }),
    { numRuns: 60 },
  );
});
