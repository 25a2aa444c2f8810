import test from 'ava';
import { MemoryDriver } from '../../mounts/memory.js';
import { VfsError } from '../../src/core/errors.js';
import { explain } from '../../src/vfs/explain.js';
import type { ViewChange } from '../../src/vfs/view.js';
import { alice, bob, body, names, p, testNamespace, text } from '../support/namespace.js';

/** A storage that never answers. */
function deadDriver(): MemoryDriver {
  const driver = new MemoryDriver();
  driver.stat = () => new Promise(() => {});
  driver.list = async function* () {
    yield await new Promise<never>(() => {});
  };
  return driver;
}

/** A storage that fails at once. */
function failingDriver(): MemoryDriver {
  const driver = new MemoryDriver();
  driver.stat = (path) => Promise.reject(new VfsError('EUNAVAILABLE', 'stat', path));
  // biome-ignore lint/correctness/useYield: a listing that fails before its first page
  driver.list = async function* (path) {
    throw new VfsError('EUNAVAILABLE', 'list', path);
  };
  return driver;
}

test('the home is the root, and mounts stand at their places', async (t) => {
  const archive = new MemoryDriver();
  const namespace = await testNamespace(t, [{ at: '/deep/down/archive', driver: archive }]);
  const view = namespace.of(alice);
  await view.write(p('/own.txt'), body('mine'));
  await view.write(p('/deep/down/archive/a.txt'), body('kept'));
  t.deepEqual(await names(view.list(p('/'))), ['deep', 'own.txt']);
  t.deepEqual(await names(view.list(p('/deep'))), ['down']);
  t.deepEqual(await names(view.list(p('/deep/down'))), ['archive']);
  t.deepEqual(await names(view.list(p('/deep/down/archive'))), ['a.txt']);
  t.is((await view.stat(p('/deep'))).kind, 'directory');
  t.true((await view.stat(p('/deep/down/archive'))).mountPoint);
  t.is((await archive.stat(p('/a.txt'))).size, 4);
});

test('a mount hides what the home has at its place, and leaves the rest of the folder', async (t) => {
  const home = new MemoryDriver();
  await home.mkdir(p('/a'));
  await home.mkdir(p('/a/m'));
  await home.put(p('/a/m/hidden'), body('x'));
  await home.put(p('/a/beside'), body('x'));
  const view = (await testNamespace(t, [{ at: '/a/m', driver: new MemoryDriver() }], () => home)).of(alice);
  t.deepEqual(await names(view.list(p('/a'))), ['beside', 'm']);
  t.deepEqual(await names(view.list(p('/a/m'))), []);
  await t.throwsAsync(view.stat(p('/a/m/hidden')), { code: 'ENOENT' });
});

test('homes are apart', async (t) => {
  const namespace = await testNamespace(t);
  await namespace.of(alice).write(p('/secret'), body('x'));
  await t.throwsAsync(namespace.of(bob).stat(p('/secret')), { code: 'ENOENT' });
});

test('a mount for some is not there for others', async (t) => {
  const driver = new MemoryDriver();
  await driver.put(p('/f'), body('x'));
  const namespace = await testNamespace(t, [{ at: '/team', driver, audience: { users: [], groups: ['staff'] } }]);
  t.is((await namespace.of(alice).stat(p('/team/f'))).size, 1);
  await t.throwsAsync(namespace.of(bob).stat(p('/team/f')), { code: 'ENOENT' });
  t.deepEqual(await names(namespace.of(bob).list(p('/'))), []);
  const why = explain(namespace, bob, p('/team/f'));
  t.is(why.hidden[0]?.at, p('/team'));
  t.true(explain(namespace, alice, p('/team/f')).read.allowed);
});

test('lesson 2: a mount at /proj is not in the way of /proj-secret', async (t) => {
  const view = (await testNamespace(t, [{ at: '/proj', driver: new MemoryDriver() }])).of(alice);
  await view.mkdir(p('/proj-secret'));
  await view.write(p('/proj-secret/f'), body('home'));
  t.deepEqual(await names(view.list(p('/proj'))), []);
});

test('a read-only mount is read, and every change on it is EROFS', async (t) => {
  const driver = new MemoryDriver();
  await driver.put(p('/f'), body('x'));
  const view = (await testNamespace(t, [{ at: '/ro', driver, readOnly: true }])).of(alice);
  const f = p('/ro/f');
  t.is(await text((await view.read(f)).body), 'x');
  t.false((await view.stat(f)).writable);
  const refused = { code: 'EROFS' };
  await t.throwsAsync(view.write(f, body('y')), refused);
  await t.throwsAsync(view.unlink(f), refused);
  await t.throwsAsync(view.mkdir(p('/ro/d')), refused);
  await t.throwsAsync(view.rename(f, p('/ro/g')), refused);
  await t.throwsAsync(view.move(f, p('/g')), refused);
  await t.throwsAsync(view.setattr(f, { mtime: 1 }), refused);
  await t.throwsAsync(view.open(f, { write: true, sharing: 'shared' }), refused);
  await t.throwsAsync(view.open(f, { truncate: true, sharing: 'private' }), refused);
  t.is(await text((await view.read(f)).body), 'x');
});

for (const [what, make] of [
  ['never answers', deadDriver],
  ['fails', failingDriver],
] as const) {
  test(`promise 4: beside a mount that ${what}, the root lists and other mounts answer`, async (t) => {
    const good = new MemoryDriver();
    await good.put(p('/f'), body('x'));
    const view = (
      await testNamespace(t, [
        { at: '/dead', driver: make() },
        { at: '/good', driver: good },
      ])
    ).of(alice);
    t.deepEqual(await names(view.list(p('/'))), ['dead', 'good']);
    t.is((await view.stat(p('/dead'))).kind, 'directory');
    t.is(await text((await view.read(p('/good/f'))).body), 'x');
  });
}

test('promise 3: a storage that fails is an error, never an empty folder or a missing file', async (t) => {
  const view = (await testNamespace(t, [{ at: '/m', driver: failingDriver() }])).of(alice);
  await t.throwsAsync(names(view.list(p('/m'))), { code: 'EUNAVAILABLE' });
  await t.throwsAsync(view.stat(p('/m/f')), { code: 'EUNAVAILABLE' });
  const homeless = (await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }], failingDriver)).of(alice);
  await t.throwsAsync(names(homeless.list(p('/'))), { code: 'EUNAVAILABLE' });
});

test('errors carry the path that the view knows', async (t) => {
  const view = (await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }])).of(alice);
  const error = await t.throwsAsync<VfsError>(view.stat(p('/m/sub/none')));
  t.is(error?.path, '/m/sub/none');
});

test('mount points and what leads to them stay where they are', async (t) => {
  const view = (await testNamespace(t, [{ at: '/a/m', driver: new MemoryDriver() }])).of(alice);
  const busy = { code: 'EBUSY' };
  await t.throwsAsync(view.rmdir(p('/a/m')), busy);
  await t.throwsAsync(view.rmdir(p('/a')), busy);
  await t.throwsAsync(view.removeTree(p('/a')), busy);
  await t.throwsAsync(view.removeTree(p('/')), busy);
  await t.throwsAsync(view.rename(p('/a'), p('/b')), busy);
  await t.throwsAsync(view.mkdir(p('/a/m')), { code: 'EEXIST' });
  await t.throwsAsync(view.write(p('/a/m'), body('x')), { code: 'EISDIR' });
});

test('rename stays on a mount; move goes across and takes the tree along', async (t) => {
  const other = new MemoryDriver();
  const view = (await testNamespace(t, [{ at: '/m', driver: other }])).of(alice);
  await view.mkdir(p('/d'));
  await view.mkdir(p('/d/sub'));
  await view.write(p('/d/sub/f'), body('deep'), { mtime: 1_600_000_000_000 });
  await view.setProperties(p('/d/sub/f'), new Map([['urn:x color', '<c/>']]), new Set());
  await t.throwsAsync(view.rename(p('/d'), p('/m/d')), { code: 'EXDEV' });
  await view.move(p('/d'), p('/m/d'));
  t.is(await text((await view.read(p('/m/d/sub/f'))).body), 'deep');
  t.is((await view.stat(p('/m/d/sub/f'))).mtime, 1_600_000_000_000);
  t.is((await view.properties(p('/m/d/sub/f'))).get('urn:x color'), '<c/>');
  await t.throwsAsync(view.stat(p('/d')), { code: 'ENOENT' });
});

test('a move across mounts that fails half-way keeps the source whole', async (t) => {
  const other = new MemoryDriver();
  const put = other.put.bind(other);
  other.put = (path, content, options) =>
    path.endsWith('2') ? Promise.reject(new VfsError('ENOSPC', 'put', path)) : put(path, content, options);
  const view = (await testNamespace(t, [{ at: '/m', driver: other }])).of(alice);
  await view.mkdir(p('/d'));
  for (const name of ['1', '2', '3']) await view.write(p(`/d/${name}`), body(name));
  await t.throwsAsync(view.move(p('/d'), p('/m/d')), { code: 'ENOSPC' });
  t.deepEqual(await names(view.list(p('/d'))), ['1', '2', '3']);
});

test('copy takes trees across mounts, and refuses a copy into itself', async (t) => {
  const view = (await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }])).of(alice);
  await view.mkdir(p('/d'));
  await view.write(p('/d/f'), body('x'));
  await view.symlink(p('/d/l'), 'f');
  await view.copy(p('/d'), p('/m/e'));
  t.deepEqual(await names(view.list(p('/m/e'))), ['f', 'l']);
  t.is(await view.readlink(p('/m/e/l')), 'f');
  await view.copy(p('/d/f'), p('/d/g'));
  t.is(await text((await view.read(p('/d/g'))).body), 'x');
  await t.throwsAsync(view.copy(p('/d'), p('/d/x')), { code: 'EINVAL' });
  await t.throwsAsync(view.copy(p('/d/f'), p('/d/g'), { noReplace: true }), { code: 'EEXIST' });
});

test('promise 6: changes are told to every view that can see them', async (t) => {
  const namespace = await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }]);
  const seen: ViewChange[] = [];
  namespace.of(bob).onChange((change) => {
    seen.push(change);
    return undefined;
  });
  const origin = {};
  await namespace.of(alice).write(p('/private'), body('x'), { origin });
  await namespace.of(alice).write(p('/m/f'), body('x'), { origin });
  await namespace.of(alice).write(p('/m/f'), body('y'), { origin });
  await namespace.of(alice).rename(p('/m/f'), p('/m/g'), { origin });
  await namespace.of(alice).unlink(p('/m/g'), { origin });
  t.deepEqual(
    seen.map(({ path, kind }) => `${kind} ${path}`),
    ['entry /m/f', 'content /m/f', 'entry /m/f', 'entry /m/g', 'entry /m/g'],
  );
  t.true(seen.every((change) => change.origin === origin));
});

test('a lock holds against everyone without its token, its holder through another door included', async (t) => {
  const namespace = await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }]);
  const view = namespace.of(alice);
  await view.mkdir(p('/m/d'));
  await view.write(p('/m/d/f'), body('x'));
  const lock = await view.lock(p('/m/d'), { scope: 'exclusive', deep: true, owner: '<o/>', seconds: 60 });
  const tokens = new Set([lock.token]);
  const locked = { code: 'ELOCKED' };
  for (const other of [namespace.of(bob), view]) {
    await t.throwsAsync(other.write(p('/m/d/f'), body('y')), locked);
    await t.throwsAsync(other.write(p('/m/d/new'), body('y')), locked);
    await t.throwsAsync(other.unlink(p('/m/d/f')), locked);
    await t.throwsAsync(other.rename(p('/m/d/f'), p('/m/f')), locked);
    await t.throwsAsync(other.removeTree(p('/m/d')), locked);
    await t.throwsAsync(other.open(p('/m/d/f'), { write: true, sharing: 'shared' }), locked);
  }
  await t.throwsAsync(namespace.of(bob).write(p('/m/d/f'), body('y'), { tokens }), locked, 'lesson 5');
  await t.throwsAsync(namespace.of(bob).unlock(p('/m/d'), lock.token), { code: 'ENOENT' }, 'lesson 5');
  await view.write(p('/m/d/f'), body('y'), { tokens });
  t.deepEqual(
    view.locksOn(p('/m/d/f')).map(({ path }) => path),
    [p('/m/d')],
  );
  await view.unlock(p('/m/d/f'), lock.token);
  await namespace.of(bob).write(p('/m/d/f'), body('z'));
});

test('a deep lock above a mount covers what is mounted below, and is named where the view has it', async (t) => {
  const mount = (at: string) => ({ at, driver: new MemoryDriver() });
  const view = (await testNamespace(t, [mount('/a/m'), mount('/n')])).of(alice);
  await view.mkdir(p('/n/d'));
  const root = await view.lock(p('/'), { scope: 'exclusive', deep: true, owner: '', seconds: 60 });
  const tokens = new Set([root.token]);
  const deep = { code: 'ELOCKED', message: 'ELOCKED: lock /' };
  await t.throwsAsync(view.write(p('/a/m/f'), body('x')), deep);
  await t.throwsAsync(view.open(p('/a/m/f'), { create: true, write: true, sharing: 'shared' }), deep);
  await t.throwsAsync(view.removeTree(p('/n/d')), deep);
  await view.write(p('/a/m/f'), body('x'), { tokens });
  await view.unlock(p('/'), root.token);

  const inside = await view.lock(p('/n/d'), { scope: 'exclusive', deep: true, owner: '', seconds: 60 });
  const shown = { code: 'ELOCKED', message: 'ELOCKED: lock /n/d' };
  await t.throwsAsync(view.write(p('/n/d/f'), body('x')), shown);
  await t.throwsAsync(view.move(p('/a/m/f'), p('/n/d/f')), shown);
  await t.throwsAsync(view.copy(p('/a/m/f'), p('/n/d/f')), shown);
  await t.throwsAsync(view.move(p('/n/d'), p('/a/m/d')), shown);
  await view.move(p('/a/m/f'), p('/n/d/f'), { tokens: new Set([inside.token]) });
});

test('mounts that come and go with the configuration: open handles and other mounts stay', async (t) => {
  const kept = new MemoryDriver();
  const namespace = await testNamespace(t, [{ at: '/kept', driver: kept }]);
  const view = namespace.of(alice);
  const handle = await view.open(p('/kept/f'), { create: true, read: true, write: true, sharing: 'shared' });
  await handle.write(0, Buffer.from('abc'));
  namespace.replaceMounts([
    { at: p('/kept'), driver: kept, readOnly: false },
    { at: p('/new'), driver: new MemoryDriver(), readOnly: false },
  ]);
  t.deepEqual(await names(view.list(p('/'))), ['kept', 'new']);
  await handle.commit();
  await handle.close();
  t.is(await text((await view.read(p('/kept/f'))).body), 'abc');
});
