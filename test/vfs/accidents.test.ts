import test from 'ava';
import type { Driver, Replacement } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import { once } from '../../src/core/bytes.js';
import { VfsError } from '../../src/core/errors.js';
import type { OpenOptions } from '../../src/vfs/handle.js';
import { alice, bob, body, names, p, testNamespace, text, wholeBodies } from '../support/namespace.js';

/*
 * What must not be lost, torn or said to be well when something fails, or happens in between.
 */

const f = p('/m/f');
const shared: OpenOptions = { read: true, write: true, sharing: 'shared' };
const away = (op: string, path: string) => new VfsError('EUNAVAILABLE', op, path);

/** A storage with one method made to fail, once or until `times` is over. */
function failing<K extends 'rename' | 'stat' | 'setattr' | 'unlink'>(driver: MemoryDriver, name: K, times = 1) {
  const real = driver[name].bind(driver) as (...args: unknown[]) => unknown;
  let left = times;
  const broken = (path: string, ...rest: unknown[]) => {
    if (left-- > 0) return Promise.reject(away(name, path));
    return real(path, ...rest);
  };
  Object.assign(driver, { [name]: broken });
}

async function setup(t: Parameters<typeof testNamespace>[0], wrap: (driver: MemoryDriver) => Driver = (one) => one) {
  const storage = new MemoryDriver();
  const namespace = await testNamespace(t, [{ at: '/m', driver: wrap(storage) }]);
  const view = namespace.of(alice);
  const at = async (path = f) => text((await view.read(path)).body);
  return { storage, namespace, view, at };
}

const write = Buffer.from('written');

for (const [where, wrap] of [
  ['on a storage that holds files open', (one: Driver) => one],
  ['on a storage of whole bodies', wholeBodies],
] as const) {
  test(`${where}: a rename onto a file in the making that fails does not cost what is being written`, async (t) => {
    const { storage, view, at } = await setup(t, wrap);
    await view.write(p('/m/other'), body('other'));
    const handle = await view.open(f, { ...shared, create: true });
    await handle.write(0, write);
    failing(storage, 'rename');
    await t.throwsAsync(view.rename(p('/m/other'), f), { code: 'EUNAVAILABLE' });
    await handle.commit();
    await handle.close();
    t.is(await at(), 'written');
  });

  test(`${where}: a rename that was done is done, though the storage does not answer behind it`, async (t) => {
    const { storage, view } = await setup(t, wrap);
    await view.write(f, body('old'));
    const handle = await view.open(f, shared);
    const rename = storage.rename.bind(storage);
    storage.rename = async (...args) => {
      await rename(...args);
      failing(storage, 'stat');
    };
    await view.rename(f, p('/m/g'));
    await handle.write(0, write);
    await handle.close();
    const found = await names(view.list(p('/m')));
    t.true(found.includes('g'));
    t.false(found.includes('f'), 'what is written goes along');
    const kept = await Promise.all(found.map(async (name) => text((await view.read(p(`/m/${name}`))).body)));
    t.true(kept.includes('written'));
  });
}

test('what is written and closed while an earlier commit is being told is not lost', async (t) => {
  const { view, at } = await setup(t);
  await view.write(f, body('old'));
  const first = await view.open(f, shared);
  await first.write(0, Buffer.from('first'));
  let told = () => {};
  const telling = new Promise<void>((resolve) => {
    view.onChange(() => {
      resolve();
      return new Promise<void>((release) => {
        told = release;
      });
    });
  });
  const closing = first.close();
  await telling;
  const second = await view.open(f, shared);
  await second.write(0, write);
  await second.close();
  told();
  await closing;
  t.is(await at(), 'written');
});

test('an attribute that is refused after the content was stored: told, asked for again, and the content is announced', async (t) => {
  const { storage, view, at } = await setup(t);
  await view.write(f, body('old'));
  const handle = await view.open(f, shared);
  await handle.write(0, write);
  await handle.setattr({ mode: 0o600 });
  const told: string[] = [];
  view.onChange(({ kind }) => void told.push(kind));
  failing(storage, 'setattr');
  await t.throwsAsync(handle.commit(), { code: 'EUNAVAILABLE' });
  t.is(await at(), 'written');
  t.deepEqual(told, ['content']);
  await handle.commit();
  t.is((await view.stat(f)).mode, 0o600);
  await handle.close();
});

test('a storage that cannot free what was committed has it all the same', async (t) => {
  const { storage, view, at } = await setup(t);
  const replace = storage.replace.bind(storage);
  storage.replace = async (...args) => {
    const next: Replacement = await replace(...args);
    return Object.assign(next, { abort: () => Promise.reject(away('abort', '/f')) });
  };
  const handle = await view.open(f, { ...shared, create: true });
  await handle.write(0, write);
  await handle.commit();
  await handle.close();
  t.is(await at(), 'written');
});

test('an upload over a file that somebody reads is told as stored, whatever the storage says next', async (t) => {
  const { storage, view, at } = await setup(t);
  await view.write(f, body('old'));
  const reader = await view.open(f, { read: true, sharing: 'shared' });
  await reader.read(0, Buffer.alloc(3));
  const told: string[] = [];
  view.onChange(({ kind }) => void told.push(kind));
  const put = storage.put.bind(storage);
  storage.put = async (...args) => {
    const entry = await put(...args);
    failing(storage, 'stat');
    return entry;
  };
  await view.write(f, body('new'));
  t.deepEqual(told, ['content']);
  t.is(await at(), 'new');
  await reader.close();
});

test('what an open file was read from is what a write changes, not what took its name meanwhile', async (t) => {
  const { storage, view } = await setup(t);
  await view.write(f, body('1111'));
  const handle = await view.open(f, shared);
  await handle.read(0, Buffer.alloc(4));
  await storage.put(p('/f'), body('2222'));
  await handle.write(1, Buffer.from('xx'));
  await handle.commit();
  await handle.close();
  const found = await names(view.list(p('/m')));
  const contents = await Promise.all(found.map(async (name) => text((await view.read(p(`/m/${name}`))).body)));
  t.deepEqual(contents.sort(), ['1xx1', '2222']);
});

test('a file that is opened while it is removed and made anew is the new one', async (t) => {
  const { storage, view, at } = await setup(t);
  await view.write(f, body('old'));
  const reader = await view.open(f, { read: true, sharing: 'shared' });
  const stat = storage.stat.bind(storage);
  storage.stat = async (...args) => {
    storage.stat = stat;
    await view.unlink(f);
    await view.write(f, body('new'));
    return stat(...args);
  };
  const writer = await view.open(f, shared);
  await writer.write(3, Buffer.from('er'));
  await writer.commit();
  t.is(await at(), 'newer');
  await writer.close();
  await reader.close();
});

/** A home and a mount, with a folder `/d` of three files at home. */
async function acrossSetup(t: Parameters<typeof testNamespace>[0]) {
  const home = new MemoryDriver();
  const storage = new MemoryDriver();
  const namespace = await testNamespace(t, [{ at: '/m', driver: storage }], () => home);
  const view = namespace.of(alice);
  await view.mkdir(p('/d'));
  for (const name of ['1', '2', '3']) await view.write(p(`/d/${name}`), body(name));
  return { home, storage, view };
}

/** Runs `act` when the move has put its last file, before it removes the first. */
function beforeRemoval(home: MemoryDriver, act: () => Promise<unknown>): void {
  const unlink = home.unlink.bind(home);
  let first: Promise<unknown> | undefined;
  const list = home.list.bind(home);
  let listings = 0;
  home.unlink = async (...args) => {
    await first;
    return unlink(...args);
  };
  home.list = async function* (...args) {
    if (++listings === 2) {
      first = act();
      await first;
    }
    yield* list(...args);
  };
}

test('a move across mounts does not remove what came, or was changed, after it was copied', async (t) => {
  const { home, view } = await acrossSetup(t);
  beforeRemoval(home, async () => {
    await home.put(p('/d/2'), body('changed'));
    await home.put(p('/d/4'), body('came'));
  });
  await t.throwsAsync(view.move(p('/d'), p('/m/d')), { code: 'EBUSY' });
  t.deepEqual(await names(view.list(p('/m/d'))), ['1', '2', '3']);
  t.is(await text((await view.read(p('/d/2'))).body), 'changed');
  t.is(await text((await view.read(p('/d/4'))).body), 'came');
});

test('a move across mounts takes along what is being written, and leaves what is written later', async (t) => {
  const { home, view } = await acrossSetup(t);
  const handle = await view.open(p('/d/new'), { ...shared, create: true });
  await handle.write(0, write);
  beforeRemoval(home, () => handle.write(0, Buffer.from('WRITTEN')));
  await t.throwsAsync(view.move(p('/d'), p('/m/d')), { code: 'EBUSY' });
  t.is(await text((await view.read(p('/m/d/new'))).body), 'written');
  await handle.close();
  t.is(await text((await view.read(p('/d/new'))).body), 'WRITTEN');
});

test('a move across mounts that fails takes its half back, and nothing else', async (t) => {
  const { storage, view } = await acrossSetup(t);
  const put = storage.put.bind(storage);
  storage.put = (path, content, options) =>
    path.endsWith('/3') ? Promise.reject(away('put', path)) : put(path, content, options);
  await t.throwsAsync(view.move(p('/d'), p('/m/d')), { code: 'EUNAVAILABLE' });
  t.deepEqual(await names(view.list(p('/m'))), []);
  t.deepEqual(await names(view.list(p('/d'))), ['1', '2', '3']);
});

test('a caller who goes away while the source is removed leaves a move that is done', async (t) => {
  const { home, view } = await acrossSetup(t);
  const gone = new AbortController();
  beforeRemoval(home, async () => gone.abort());
  await view.move(p('/d'), p('/m/d'), { signal: gone.signal });
  t.deepEqual(await names(view.list(p('/m/d'))), ['1', '2', '3']);
  await t.throwsAsync(view.stat(p('/d')), { code: 'ENOENT' });
});

test('a symbolic link that a storage cannot keep does not cost the file it was to replace', async (t) => {
  const { storage, view, at } = await setup(t);
  await view.write(f, body('kept'));
  await view.symlink(p('/l'), 'target');
  const symlink = storage.symlink.bind(storage);
  storage.symlink = (path) => Promise.reject(new VfsError('ENOTSUP', 'symlink', path));
  await t.throwsAsync(view.copy(p('/l'), f), { code: 'ENOTSUP' });
  t.is(await at(), 'kept');
  storage.symlink = symlink;
  await view.copy(p('/l'), f);
  t.is(await view.readlink(f), 'target');
  t.deepEqual(await names(view.list(p('/m'))), ['f']);
});

test('a copy that is refused gives the body of its source back', async (t) => {
  const { home, storage, view } = await acrossSetup(t);
  const get = home.get.bind(home);
  let left = false;
  home.get = async (...args) => {
    const inner = (await get(...args))[Symbol.asyncIterator]();
    const iterator = {
      next: () => inner.next(),
      return: async () => {
        left = true;
        return { done: true as const, value: undefined };
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  };
  storage.put = (path) => Promise.reject(away('put', path));
  await t.throwsAsync(view.copy(p('/d/1'), p('/m/1')), { code: 'EUNAVAILABLE' });
  t.true(left);
});

test('a copy that must not replace does not replace what came while it was read', async (t) => {
  const { home, storage, view } = await acrossSetup(t);
  const get = home.get.bind(home);
  home.get = async (...args) => {
    await storage.put(p('/1'), body('theirs'));
    return get(...args);
  };
  await t.throwsAsync(view.copy(p('/d/1'), p('/m/1'), { noReplace: true }), { code: 'EPRECONDITION' });
  t.is(await text((await view.read(p('/m/1'))).body), 'theirs');
});

test('removing a folder that fails does not cost what is being written in it', async (t) => {
  const { storage, view } = await setup(t);
  await view.mkdir(p('/m/d'));
  const handle = await view.open(p('/m/d/new'), { ...shared, create: true });
  await handle.write(0, write);
  const list = storage.list.bind(storage);
  storage.list = async function* (path) {
    storage.list = list;
    yield [];
    throw away('list', path);
  };
  await t.throwsAsync(view.removeTree(p('/m/d')), { code: 'EUNAVAILABLE' });
  await handle.close();
  t.is(await text((await view.read(p('/m/d/new'))).body), 'written');
});

test('a handle that reads does not change attributes on a read-only mount, nor what somebody else has locked', async (t) => {
  const storage = new MemoryDriver();
  await storage.put(p('/f'), body('x'));
  const namespace = await testNamespace(t, [
    { at: '/ro', driver: storage, readOnly: true },
    { at: '/m', driver: storage },
  ]);
  const view = namespace.of(alice);
  const { mode } = await view.stat(f);
  const reader = await view.open(p('/ro/f'), { read: true, sharing: 'shared' });
  await t.throwsAsync(reader.setattr({ mode: 0o777 }), { code: 'EROFS' });
  await namespace.of(bob).lock(f, { scope: 'exclusive', deep: false, owner: '', seconds: 60 });
  const other = await view.open(f, { read: true, sharing: 'shared' });
  await t.throwsAsync(other.setattr({ mode: 0o777 }), { code: 'ELOCKED' });
  t.is((await view.stat(f)).mode, mode);
  await reader.close();
  await other.close();
});

test('a mount that a reload gives another storage: what was being written is kept, and its name means the new one', async (t) => {
  const { storage, namespace, view, at } = await setup(t);
  await storage.put(p('/f'), body('old storage'));
  const handle = await view.open(f, shared);
  await handle.write(0, Buffer.from('OLD'));
  const other = new MemoryDriver();
  await other.put(p('/f'), body('new storage'));
  namespace.replaceMounts([{ at: p('/m'), driver: other, readOnly: false }]);
  await namespace.settle([storage], AbortSignal.timeout(5_000));
  t.is(await text(await storage.get(p('/f'))), 'OLD storage');
  await storage.close();
  const fresh = await view.open(f, shared);
  await fresh.write(0, Buffer.from('NEW'));
  await fresh.close();
  t.is(await at(), 'NEW storage');
  await handle.close();
});

for (const [where, wrap] of [
  ['on a storage that holds files open', (one: Driver) => one],
  ['on a storage of whole bodies', wholeBodies],
] as const) {
  test(`${where}: a commit whose answer was lost is done when it is tried again, and is no conflict`, async (t) => {
    const { storage, view, at } = await setup(t, wrap);
    await view.write(f, body('old'));
    const [put, replace] = [storage.put.bind(storage), storage.replace.bind(storage)];
    let lost = 0;
    const loseFirst = <T>(done: T): T => {
      if (lost++ === 0) throw away('commit', '/f');
      return done;
    };
    storage.put = async (...args) => loseFirst(await put(...args));
    storage.replace = async (...args) => {
      const next = await replace(...args);
      const commit = next.commit.bind(next);
      return Object.assign(next, { commit: async (options?: object) => loseFirst(await commit(options)) });
    };
    const handle = await view.open(f, { ...shared, truncate: true });
    await handle.write(0, write);
    await t.throwsAsync(handle.commit(), { code: 'EUNAVAILABLE' });
    await handle.commit();
    await handle.close();
    t.is(await at(), 'written');
    t.deepEqual(await names(view.list(p('/m'))), ['f']);
  });
}

test('a large file that is read goes on under its new name, at a storage that holds nothing open', async (t) => {
  const { view } = await setup(t, wholeBodies);
  const content = Buffer.alloc(20 << 20, 'x');
  content.write('end', content.length - 3);
  await view.write(f, once(content));
  const reader = await view.open(f, { read: true, sharing: 'shared' });
  await reader.read(0, Buffer.alloc(1));
  await view.rename(f, p('/m/g'));
  const end = Buffer.alloc(3);
  await reader.read(content.length - 3, end);
  t.is(end.toString(), 'end');
  await reader.close();
});

test('an opening that fails leaves nothing open at the storage', async (t) => {
  const { storage, view } = await setup(t);
  await view.write(f, body('old'));
  const replace = storage.replace.bind(storage);
  let aborted = false;
  storage.replace = async (...args) => {
    const next = await replace(...args);
    const abort = next.abort.bind(next);
    return Object.assign(next, {
      truncate: () => Promise.reject(away('truncate', '/f')),
      abort: () => {
        aborted = true;
        return abort();
      },
    });
  };
  await t.throwsAsync(view.open(f, { ...shared, truncate: true }), { code: 'EUNAVAILABLE' });
  t.true(aborted);
});

test('who is told of a new file finds it', async (t) => {
  const { view } = await setup(t);
  const found: unknown[] = [];
  view.onChange(async ({ path }) => {
    found.push(
      await view.stat(path, { live: true }).then(
        ({ name }) => name,
        ({ code }) => code,
      ),
    );
  });
  const handle = await view.open(f, { ...shared, create: true });
  t.deepEqual(found, ['f']);
  await handle.close();
});
