import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import { VfsError } from '../../../src/core/errors.js';
import { recordingLog } from '../../support/recording.js';
import { tempFolder } from '../../support/temp.js';
import { dav, localHomes, type WebdavServer, webdavServer } from '../../support/webdav.js';

const to = (path: string, more: Record<string, string> = {}) => ({ headers: { Destination: `/dav${path}`, ...more } });

async function plant(server: WebdavServer, folder: string, ...names: string[]): Promise<void> {
  await dav(server, 'MKCOL', folder);
  for (const name of names) await dav(server, 'PUT', `${folder}/${name}`, { body: `${folder}/${name}` });
}

async function children(server: WebdavServer, path: string): Promise<string[]> {
  const { text } = await dav(server, 'PROPFIND', path, { headers: { Depth: '1' } });
  return [...text.matchAll(/<D:href>([^<]*)<\/D:href>/g)]
    .map(([, href]) => href!.slice('/dav'.length))
    .slice(1)
    .sort();
}

for (const [name, setup] of [
  ['one mount', {}],
  ['two mounts', { mounts: [{ at: '/other', driver: new MemoryDriver() }] }],
] as const) {
  test(`overwriting a folder leaves nothing of the old one (RFC 4918 §9.8.4): ${name}`, async (t) => {
    const server = await webdavServer(t, { home: localHomes(await tempFolder(t)), ...setup });
    const there = name === 'two mounts' ? '/other/b' : '/b';
    for (const verb of ['COPY', 'MOVE']) {
      await plant(server, '/a', 'new', 'both');
      await plant(server, there, 'old', 'both');
      t.is((await dav(server, verb, '/a', to(there, { Overwrite: 'F' }))).status, 412);
      t.is((await dav(server, verb, '/a', to(there))).status, 204);
      t.deepEqual(await children(server, there), [`${there}/both`, `${there}/new`]);
      t.is((await dav(server, 'GET', `${there}/both`)).text, '/a/both');
      t.is((await dav(server, 'GET', '/a/new')).status, verb === 'COPY' ? 200 : 404);
      // A file takes the place of a folder, and the other way round.
      await dav(server, 'PUT', '/file', { body: 'file' });
      t.is((await dav(server, verb, '/file', to(there))).status, 204);
      t.is((await dav(server, 'GET', there)).text, 'file');
      await plant(server, '/a', 'new');
      t.is((await dav(server, verb, '/a', to(there))).status, 204);
      t.is((await dav(server, 'GET', `${there}/new`)).text, '/a/new');
      await dav(server, 'DELETE', '/a');
      await dav(server, 'DELETE', there);
      t.deepEqual(
        (await children(server, '/')).filter((path) => path.includes('replaced')),
        [],
      );
    }
  });
}

test('what is overwritten stands aside under a name that tells, should the daemon be killed', async (t) => {
  const source = new MemoryDriver();
  const { log, lines } = recordingLog();
  const server = await webdavServer(t, { mounts: [{ at: '/src', driver: source }], log });
  await plant(server, '/src/a', 'new');
  await plant(server, '/v1.2', 'old');
  const get = source.get.bind(source);
  let seen: string[] = [];
  source.get = async (path, options) => {
    seen = (await children(server, '/')).map(decodeURIComponent);
    return get(path, options);
  };
  t.is((await dav(server, 'COPY', '/src/a', to('/v1.2'))).status, 204);
  const aside = seen.find((path) => path.startsWith('/v1.2 '));
  t.regex(String(aside), /^\/v1\.2 \(replaced, \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\)\/$/);
  t.deepEqual(await children(server, '/'), ['/src/', '/v1.2/']);
  const told = lines.filter(({ fields }) => 'aside' in fields);
  t.deepEqual(
    told.map(({ level, fields }) => [level, fields.path, `${fields.aside}/`]),
    [['info', '/v1.2', aside!]],
  );

  // Two within a second, of which the first was never finished.
  source.get = async (path) => {
    throw new VfsError('EIO', 'get', path);
  };
  await dav(server, 'MKCOL', encodeURI(aside!.slice(0, -1)));
  t.is((await dav(server, 'COPY', '/src/a', to('/v1.2'))).status, 207);
  t.deepEqual((await children(server, '/')).map(decodeURIComponent).sort(), ['/src/', aside, '/v1.2/'].sort());
  t.is((await dav(server, 'GET', '/v1.2/new')).text, '/src/a/new');
});

test('a copy that fails does not cost the folder it was to replace', async (t) => {
  const source = new MemoryDriver();
  const server = await webdavServer(t, { mounts: [{ at: '/src', driver: source }] });
  await plant(server, '/src/a', 'one', 'bad');
  await plant(server, '/b', 'old');
  const get = source.get.bind(source);
  source.get = async (path, options) => {
    if (path === '/a/bad') throw new VfsError('EIO', 'get', path);
    return get(path, options);
  };
  for (const verb of ['COPY', 'MOVE']) {
    const failed = await dav(server, verb, '/src/a', to('/b'));
    t.is(failed.status, 207, 'the member is named');
    t.regex(failed.text, /\/dav\/src\/a\/bad<.*500 Internal Server Error/);
    t.deepEqual(await children(server, '/b'), ['/b/old']);
    t.deepEqual(await children(server, '/'), ['/b/', '/src/']);
    t.deepEqual(await children(server, '/src/a'), ['/src/a/bad', '/src/a/one']);
  }
});

test('a move over a folder that fails once all is there does not take it away again', async (t) => {
  const source = new MemoryDriver();
  const server = await webdavServer(t, { mounts: [{ at: '/src', driver: source }] });
  await plant(server, '/src/a', 'one', 'two');
  await plant(server, '/b', 'old');
  const unlink = source.unlink.bind(source);
  source.unlink = async (path, call) => {
    if (path === '/a/two') throw new VfsError('EACCES', 'unlink', path);
    return unlink(path, call);
  };
  t.true((await dav(server, 'MOVE', '/src/a', to('/b'))).status >= 207);
  t.is((await dav(server, 'GET', '/b/one')).text, '/src/a/one');
  t.is((await dav(server, 'GET', '/b/two')).text, '/src/a/two');
});

test('a move over a folder that was done, and is told as failed, is not undone by removing it', async (t) => {
  const storage = new MemoryDriver();
  const server = await webdavServer(t, { mounts: [{ at: '/m', driver: storage }] });
  await plant(server, '/m/a', 'one');
  await plant(server, '/m/b', 'old');
  const rename = storage.rename.bind(storage);
  storage.rename = async (from, target, options) => {
    await rename(from, target, options);
    if (from === '/a') throw new VfsError('EUNAVAILABLE', 'rename', from);
  };
  t.is((await dav(server, 'MOVE', '/m/a', to('/m/b'))).status, 503);
  t.is((await dav(server, 'GET', '/m/b/one')).text, '/m/a/one');
});

test('depth, missing parents, and places within each other', async (t) => {
  const server = await webdavServer(t);
  await plant(server, '/a', 'x');
  const status = async (verb: string, target: string, more = {}) =>
    (await dav(server, verb, '/a', to(target, more))).status;
  t.is(await status('COPY', '/shallow', { Depth: '0' }), 201);
  t.deepEqual(await children(server, '/shallow'), []);
  t.is(await status('COPY', '/none/a'), 409);
  t.is(await status('MOVE', '/none/a'), 409);
  t.is(await status('COPY', '/a'), 403);
  t.is(await status('MOVE', '/a/below'), 403);
  t.is(await status('COPY', '/a/below'), 403);
  t.is(await status('COPY', '/c', { Depth: '1' }), 400);
  t.is(await status('MOVE', '/c', { Depth: '0' }), 400);
  t.is(await status('MOVE', '/c', { Overwrite: 'maybe' }), 400);
  t.is((await dav(server, 'MOVE', '/nothing', to('/c'))).status, 404);
  t.is((await dav(server, 'COPY', '/a/x', to('/'))).status, 403);
  t.is((await dav(server, 'DELETE', '/')).status, 403);
  t.is((await dav(server, 'DELETE', '/a', { headers: { Depth: '0' } })).status, 400);
  t.is((await dav(server, 'DELETE', '/shallow', { headers: { Depth: 'infinity' } })).status, 204);
  t.deepEqual(await children(server, '/a'), ['/a/x']);
});

test('a mount point is neither removed nor moved', async (t) => {
  const server = await webdavServer(t, { mounts: [{ at: '/deep/m', driver: new MemoryDriver() }] });
  await dav(server, 'PUT', '/deep/m/kept', { body: 'x' });
  for (const path of ['/deep', '/deep/m']) {
    t.is((await dav(server, 'DELETE', path)).status, 403, path);
    t.is((await dav(server, 'MOVE', path, to('/elsewhere'))).status, 403, path);
  }
  t.is((await dav(server, 'GET', '/deep/m/kept')).text, 'x');
});
