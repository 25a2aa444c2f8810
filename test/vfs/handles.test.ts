import test from 'ava';
import type { Driver } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import { once } from '../../src/core/bytes.js';
import type { Handle, OpenOptions } from '../../src/vfs/handle.js';
import type { View } from '../../src/vfs/view.js';
import { alice, body, names, p, testNamespace, text, wholeBodies } from '../support/namespace.js';

const kinds: readonly [string, (driver: MemoryDriver) => Driver][] = [
  ['on a storage that holds files open', (driver) => driver],
  ['on a storage of whole bodies', wholeBodies],
];
const f = p('/m/f');
const shared: OpenOptions = { read: true, write: true, sharing: 'shared' };
const upload: OpenOptions = { write: true, create: true, truncate: true, sharing: 'private' };

async function contentOf(handle: Handle): Promise<string> {
  const into = Buffer.alloc(1 << 21);
  return into.subarray(0, await handle.read(0, into)).toString();
}

const at = (view: View, path = f) => view.read(path).then(({ body: bytes }) => text(bytes));

for (const [where, wrap] of kinds) {
  const setup = async (t: Parameters<typeof testNamespace>[0]) => {
    const storage = new MemoryDriver();
    const namespace = await testNamespace(t, [{ at: '/m', driver: wrap(storage) }]);
    return { storage, namespace, view: namespace.of(alice) };
  };

  test(`${where}: nothing shows before commit, all of it after`, async (t) => {
    const { view, storage } = await setup(t);
    const handle = await view.open(f, { ...shared, create: true });
    await handle.write(3, Buffer.from('def'));
    t.is((await handle.stat()).size, 6);
    await t.throwsAsync(view.stat(f), { code: 'ENOENT' });
    t.deepEqual(await names(view.list(p('/m'))), []);
    t.is((await view.stat(f, { live: true })).size, 6, 'the drive sees its own file at once');
    t.deepEqual(await names(view.list(p('/m'), { live: true })), ['f']);
    await handle.write(0, Buffer.from('abc'));
    await handle.commit();
    t.is(await at(view), 'abcdef');
    await handle.close();
    t.is((await storage.stat(p('/f'))).size, 6);
  });

  test(`${where}: old content whole until the new one is`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('old content'));
    const handle = await view.open(f, { ...shared, truncate: true });
    await handle.write(0, Buffer.from('new'));
    t.is(await at(view), 'old content');
    t.is(await contentOf(handle), 'new');
    await handle.commit();
    t.is(await at(view), 'new');
    await handle.close();
  });

  test(`${where}: edits in place keep the rest; gaps are zeros; truncate both ways`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('0123456789'));
    const handle = await view.open(f, shared);
    await handle.write(4, Buffer.from('XY'));
    t.is(await contentOf(handle), '0123XY6789');
    await handle.truncate(5);
    await handle.write(7, Buffer.from('z'));
    await handle.commit();
    t.is(await at(view), '0123X\0\0z');
    await handle.truncate(2);
    await handle.commit();
    t.is(await at(view), '01');
    await handle.write(2, Buffer.from('more'));
    await handle.close();
    t.is(await at(view), '01more', 'the last close commits what a close before it could not know of');
  });

  test(`${where}: shared handles see each other's bytes`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('aaaa'));
    const one = await view.open(f, shared);
    const two = await view.open(f, shared);
    await one.write(1, Buffer.from('B'));
    t.is(await contentOf(two), 'aBaa');
    await one.close();
    await two.write(0, Buffer.from('C'));
    await two.close();
    t.is(await at(view), 'CBaa');
  });

  test(`${where}: an unlinked file lives on in its handles and nowhere else`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('still here'));
    const reader = await view.open(f, { read: true, sharing: 'shared' });
    const writer = await view.open(f, shared);
    await view.unlink(f);
    t.is(await contentOf(reader), 'still here');
    await writer.write(0, Buffer.from('STILL'));
    t.is(await contentOf(reader), 'STILL here');
    await writer.commit();
    await writer.close();
    await view.write(f, body('another'));
    t.is(await contentOf(reader), 'STILL here');
    await reader.close();
    t.is(await at(view), 'another');
  });

  test(`${where}: an uncommitted file that is unlinked never appears`, async (t) => {
    const { view } = await setup(t);
    const handle = await view.open(f, { ...shared, create: true });
    await handle.write(0, Buffer.from('x'));
    await view.unlink(f);
    await handle.commit();
    await handle.close();
    await t.throwsAsync(view.stat(f, { live: true }), { code: 'ENOENT' });
  });

  test(`${where}: handles follow a rename, of the file and of its folder`, async (t) => {
    const { view } = await setup(t);
    await view.mkdir(p('/m/d'));
    const handle = await view.open(p('/m/d/f'), { ...shared, create: true });
    await handle.write(0, Buffer.from('one'));
    await view.rename(p('/m/d'), p('/m/e'));
    await handle.write(3, Buffer.from(' two'));
    await handle.commit();
    t.is(await at(view, p('/m/e/f')), 'one two');
    await handle.write(7, Buffer.from(' three'));
    await view.rename(p('/m/e/f'), p('/m/e/g'));
    await handle.write(13, Buffer.from(' four'));
    await handle.close();
    t.is(await at(view, p('/m/e/g')), 'one two three four');
    t.deepEqual(await names(view.list(p('/m/e'))), ['g']);
  });

  test(`${where}: a file renamed over an open one leaves that one to its handles`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('target'));
    await view.write(p('/m/g'), body('source'));
    const handle = await view.open(f, shared);
    await view.rename(p('/m/g'), f);
    t.is(await contentOf(handle), 'target');
    await handle.write(0, Buffer.from('T'));
    await handle.close();
    t.is(await at(view), 'source');
  });

  test(`${where}: promise 5: a file changed at the storage meanwhile is not overwritten`, async (t) => {
    const { view, storage } = await setup(t);
    await view.write(p('/m/f.txt'), body('base'));
    const handle = await view.open(p('/m/f.txt'), shared);
    await handle.write(0, Buffer.from('ours'));
    await storage.put(p('/f.txt'), once(Buffer.from('theirs')));
    await handle.commit();
    await handle.close();
    t.is(await at(view, p('/m/f.txt')), 'theirs');
    const [copy, ...rest] = (await names(view.list(p('/m')))).filter((name) => name !== 'f.txt');
    t.regex(copy ?? '', /^f \(conflict, node-a, \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\)\.txt$/);
    t.is(await at(view, p(`/m/${copy}`)), 'ours');
    t.is(rest.length, 0);
  });

  test(`${where}: a file removed at the storage meanwhile is written again, not lost`, async (t) => {
    const { view, storage } = await setup(t);
    await view.write(f, body('base'));
    const handle = await view.open(f, shared);
    await handle.write(0, Buffer.from('ours'));
    await storage.unlink(p('/f'));
    await handle.commit();
    await handle.close();
    t.is(await at(view), 'ours');
  });

  test(`${where}: an upload is its own until it commits, and two of them do not mix`, async (t) => {
    const { view } = await setup(t);
    const one = await view.open(f, upload);
    const two = await view.open(f, upload);
    await one.write(0, Buffer.from('one'));
    await two.write(0, Buffer.from('second'));
    await one.commit();
    t.is(await at(view), 'one');
    await two.commit();
    await one.close();
    await two.close();
    t.is(await at(view), 'second');
  });

  test(`${where}: an upload that breaks off leaves nothing`, async (t) => {
    const { view, storage } = await setup(t);
    await view.write(f, body('old'));
    const handle = await view.open(f, upload);
    await handle.write(0, Buffer.from('new'));
    await handle.close();
    t.is(await at(view), 'old');
    t.deepEqual(await names(storage.list(p('/'))), ['f']);
  });

  test(`${where}: exclusive creation, folders, links and missing files`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('x'));
    await view.mkdir(p('/m/d'));
    await view.symlink(p('/m/l'), 'f');
    await t.throwsAsync(view.open(f, { ...shared, create: true, exclusive: true }), { code: 'EEXIST' });
    await t.throwsAsync(view.open(p('/m/d'), shared), { code: 'EISDIR' });
    await t.throwsAsync(view.open(p('/m/l'), shared), { code: 'ELOOP' });
    await t.throwsAsync(view.open(p('/m/none'), shared), { code: 'ENOENT' });
    await t.throwsAsync(view.open(p('/m/no/f'), { ...shared, create: true }), { code: 'ENOENT' });
    await t.throwsAsync(view.open(p('/m/f/g'), { ...shared, create: true }), { code: 'ENOTDIR' });
    const reader = await view.open(f, { read: true, sharing: 'shared' });
    await t.throwsAsync(reader.write(0, Buffer.from('y')), { code: 'EBADF' });
    await reader.close();
    await t.throwsAsync(reader.read(0, Buffer.alloc(1)), { code: 'EBADF' });
  });

  test(`${where}: of twenty that create one file at once, all share it`, async (t) => {
    const { view } = await setup(t);
    const handles = await Promise.all(Array.from({ length: 20 }, () => view.open(f, { ...shared, create: true })));
    await Promise.all(handles.map((handle, index) => handle.write(index, Buffer.from('x'))));
    await Promise.all(handles.map((handle) => handle.commit()));
    await Promise.all(handles.map((handle) => handle.close()));
    t.is(await at(view), 'x'.repeat(20));
  });

  test(`${where}: who read from a file that another front end replaces goes on with the old one`, async (t) => {
    const { view } = await setup(t);
    await view.write(f, body('first'));
    const unread = await view.open(f, shared);
    await view.write(f, body('middle'));
    t.is(await contentOf(unread), 'middle', 'nothing was read: it may as well have been opened now');
    await view.write(f, body('the last one'));
    t.is(await contentOf(unread), 'middle', 'half of one and half of the other would be torn');
    const fresh = await view.open(f, shared);
    t.is(await contentOf(fresh), 'the last one');
    await unread.write(0, Buffer.from('M'));
    await unread.commit();
    await unread.close();
    await fresh.close();
    t.is(await at(view), 'the last one');
    t.is((await names(view.list(p('/m')))).length, 2, 'both are kept');
  });

  test(`${where}: reads of a large file, in order, at once and at random, are its bytes`, async (t) => {
    const { view } = await setup(t);
    const bytes = Buffer.alloc(9 * (1 << 20) + 12_345);
    for (let i = 0; i + 4 <= bytes.length; i += 4) bytes.writeUInt32LE(i, i);
    await view.write(f, once(bytes));
    const handle = await view.open(f, { read: true, sharing: 'shared' });
    const piece = 1 << 20;
    const places = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, index) => index * piece);
    const read = async (place: number, length: number) => {
      const into = Buffer.alloc(length);
      return into.subarray(0, await handle.read(place, into));
    };
    const whole = await Promise.all(places.map((place) => read(place, piece)));
    t.true(Buffer.concat(whole).equals(bytes));
    for (let i = 0; i < 50; i++) {
      const place = (i * 7_919_333) % bytes.length;
      t.true((await read(place, 70_000)).equals(bytes.subarray(place, place + 70_000)));
    }
    t.is((await read(bytes.length, 10)).length, 0);
    await handle.close();
  });
}
