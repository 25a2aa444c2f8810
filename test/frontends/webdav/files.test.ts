import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { TEMPORARY_PREFIX } from '../../../mounts/driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { VfsError } from '../../../src/core/errors.js';
import { closed, open } from '../../support/http-client.js';
import { p } from '../../support/namespace.js';
import { tempFolder } from '../../support/temp.js';
import { ALICE, dav, localHomes, webdavServer } from '../../support/webdav.js';

test('a file is put, read, replaced and removed', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const content = randomBytes(3 << 20);
  const put = await dav(server, 'PUT', '/big.bin', { body: content });
  t.is(put.status, 201);
  t.regex(String(put.headers.etag), /^"[^"]+"$/);
  const got = await dav(server, 'GET', '/big.bin');
  t.is(got.status, 200);
  t.deepEqual(createHash('sha256').update(got.body).digest(), createHash('sha256').update(content).digest());
  t.is(got.headers.etag, put.headers.etag);
  const head = await dav(server, 'HEAD', '/big.bin');
  t.like(head.headers, { 'content-length': String(content.length), 'accept-ranges': 'bytes', etag: put.headers.etag });
  const again = await dav(server, 'PUT', '/big.bin', { body: 'small' });
  t.is(again.status, 204);
  t.not(again.headers.etag, put.headers.etag);
  t.is((await dav(server, 'GET', '/big.bin')).text, 'small');
  t.is((await dav(server, 'PUT', '/empty', {})).status, 201);
  t.is((await dav(server, 'GET', '/empty')).headers['content-length'], '0');
  t.is((await dav(server, 'DELETE', '/big.bin')).status, 204);
  t.is((await dav(server, 'GET', '/big.bin')).status, 404);
});

test('a body of unknown length is taken whole', async (t) => {
  const server = await webdavServer(t);
  const chunked = await dav(server, 'PUT', '/c', { body: 'abc', headers: { 'Transfer-Encoding': 'chunked' } });
  t.is(chunked.status, 201);
  t.is((await dav(server, 'GET', '/c')).text, 'abc');
});

test('what cannot be put is refused with the status of the RFC', async (t) => {
  const server = await webdavServer(t);
  await dav(server, 'MKCOL', '/folder');
  await dav(server, 'PUT', '/file', { body: 'x' });
  const status = async (path: string, headers = {}) => (await dav(server, 'PUT', path, { body: 'x', headers })).status;
  t.is(await status('/none/file'), 409);
  t.is(await status('/file/below'), 409);
  t.is(await status('/folder'), 405);
  t.is(await status('/folder/'), 405);
  t.is(await status('/'), 405);
  t.is(await status('/part', { 'Content-Range': 'bytes 0-0/2' }), 400);
  t.is((await dav(server, 'GET', '/part')).status, 404);
  t.is(await status(`/${'n'.repeat(256)}`), 414);
  t.is((await dav(server, 'MKCOL', '/m', { body: '<x/>' })).status, 415);
  t.is((await dav(server, 'MKCOL', '/file')).status, 405);
  t.is((await dav(server, 'MKCOL', '/none/m')).status, 409);
  const folder = await dav(server, 'GET', '/folder/');
  t.is(folder.status, 405);
  t.regex(String(folder.headers.allow), /PROPFIND/);
  t.is((await dav(server, 'GET', '/file/below')).status, 404);
});

test('a full storage is 507, a read-only mount 403', async (t) => {
  const full = new MemoryDriver();
  full.put = async (path) => {
    throw new VfsError('ENOSPC', 'put', path);
  };
  const server = await webdavServer(t, {
    mounts: [
      { at: '/full', driver: full },
      { at: '/fixed', driver: new MemoryDriver(), readOnly: true },
    ],
  });
  t.is((await dav(server, 'PUT', '/full/a', { body: 'x' })).status, 507);
  t.is((await dav(server, 'PUT', '/fixed/a', { body: 'x' })).status, 403);
  t.is((await dav(server, 'MKCOL', '/fixed/a')).status, 403);
});

test('ranges', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const { headers: put } = await dav(server, 'PUT', '/r', { body: '0123456789' });
  const get = (Range: string, more = {}) => dav(server, 'GET', '/r', { headers: { Range, ...more } });
  const middle = await get('bytes=2-4');
  t.like(middle, { status: 206, text: '234' });
  t.like(middle.headers, { 'content-range': 'bytes 2-4/10', 'content-length': '3', etag: put.etag });
  t.like(await get('bytes=-2'), { status: 206, text: '89' });
  t.like(await get('bytes=7-'), { status: 206, text: '789' });
  const past = await get('bytes=10-');
  t.is(past.status, 416);
  t.is(past.headers['content-range'], 'bytes */10');
  t.like(await get('bytes=0-1,4-5'), { status: 200, text: '0123456789' });
  t.like(await get('bytes=2-4', { 'If-Range': String(put.etag) }), { status: 206, text: '234' });
  t.like(await get('bytes=2-4', { 'If-Range': '"other"' }), { status: 200, text: '0123456789' });
  t.is((await get('bytes=2-4', { 'If-None-Match': String(put.etag) })).status, 304);
});

test('conditions guard against the lost update', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const put = (body: string, headers: Record<string, string>) => dav(server, 'PUT', '/c', { body, headers });
  t.is((await put('new', { 'If-Match': '*' })).status, 412);
  const first = await put('1', { 'If-None-Match': '*' });
  t.is(first.status, 201);
  t.is((await put('2', { 'If-None-Match': '*' })).status, 412);
  t.is((await put('2', { 'If-Match': '"wrong"' })).status, 412);
  const tag = String(first.headers.etag);
  t.is((await put('2', { 'If-Match': `"wrong", ${tag}` })).status, 204);
  t.is((await put('3', { 'If-Match': tag })).status, 412);
  t.is((await dav(server, 'DELETE', '/c', { headers: { 'If-Match': tag } })).status, 412);
  t.is((await dav(server, 'GET', '/c')).text, '2');

  const { headers } = await dav(server, 'HEAD', '/c');
  const racing = await Promise.all(
    Array.from({ length: 8 }, (_, n) => put(`racer ${n}`, { 'If-Match': String(headers.etag) })),
  );
  t.is(racing.filter(({ status }) => status === 204).length, 1, 'one of those that saw the same content');
  t.is(racing.filter(({ status }) => status === 412).length, 7);
  const makers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => dav(server, 'PUT', '/n', { body: `${n}`, headers: { 'If-None-Match': '*' } })),
  );
  t.is(makers.filter(({ status }) => status === 201).length, 1);
});

test('a modification time that the client gives is kept', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const put = await dav(server, 'PUT', '/m', { body: 'x', headers: { 'X-OC-Mtime': '1500000000' } });
  t.is(put.headers['x-oc-mtime'], 'accepted');
  const { headers } = await dav(server, 'HEAD', '/m');
  t.is(headers['last-modified'], new Date(1500000000000).toUTCString());
  t.is((await dav(server, 'PUT', '/m', { body: 'y', headers: { 'X-OC-Mtime': 'soon' } })).status, 204);
});

test('lesson 23: content of users cannot act in our name', async (t) => {
  const server = await webdavServer(t);
  for (const [name, type, attachment] of [
    ['x.html', 'text/html', true],
    ['x.svg', 'image/svg+xml', true],
    ['x.png', 'image/png', false],
    ['x.unknown-ending', 'application/octet-stream', false],
  ] as const) {
    await dav(server, 'PUT', `/${name}`, { body: '<script>' });
    const { headers } = await dav(server, 'GET', `/${name}`);
    t.is(headers['content-type'], type);
    t.is(headers['content-security-policy'], 'sandbox');
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['content-disposition'], attachment ? 'attachment' : undefined);
  }
});

test('a client that goes away in mid upload leaves the old content and nothing else', async (t) => {
  const folder = await tempFolder(t);
  const server = await webdavServer(t, { home: localHomes(folder) });
  await dav(server, 'PUT', '/kept', { body: 'the old content' });
  const everything = async () => (await readdir(folder, { recursive: true })).sort();
  for (const head of ['Content-Length: 50000000', 'Transfer-Encoding: chunked']) {
    const socket = open(server.port);
    socket.write(`PUT /dav/kept HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\n${head}\r\n\r\n`);
    const piece = Buffer.alloc(1 << 20, 'n');
    for (let sent = 0; sent < 5; sent++) {
      if (head.startsWith('T')) socket.write('100000\r\n');
      socket.write(piece);
      if (head.startsWith('T')) socket.write('\r\n');
    }
    while (!(await everything()).some((name) => name.includes(TEMPORARY_PREFIX))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.is((await dav(server, 'GET', '/kept')).text, 'the old content', 'also meanwhile');
    socket.destroy();
    await closed(socket);
    while ((await everything()).some((name) => name.includes(TEMPORARY_PREFIX))) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    t.is((await dav(server, 'GET', '/kept')).text, 'the old content');
  }
  t.deepEqual(await readdir(join(folder, 'alice')), ['kept']);
});

test('two uploads to one name at once: one of them whole', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const bodies = ['a', 'b', 'c'].map((letter) => Buffer.alloc(4 << 20, letter));
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(bodies.map((body) => dav(server, 'PUT', '/same', { body })));
    t.true(answers.every(({ status }) => status === 201 || status === 204));
    const { body } = await dav(server, 'GET', '/same');
    t.true(bodies.some((one) => one.equals(body)));
  }
});

test('a storage that breaks off in mid download breaks the connection', async (t) => {
  const torn = new MemoryDriver();
  const get = torn.get.bind(torn);
  torn.get = async (path, options) => {
    const body = await get(path, options);
    if (path !== '/torn' && path !== '/short') return body;
    return (async function* () {
      yield Buffer.alloc(100_000);
      if (path === '/torn') throw new VfsError('EIO', 'get', path);
    })();
  };
  const server = await webdavServer(t, { mounts: [{ at: '/m', driver: torn }] });
  for (const name of ['torn', 'short']) {
    await torn.put(
      p(`/${name}`),
      (async function* () {
        yield Buffer.alloc(300_000);
      })(),
    );
    await t.throwsAsync(dav(server, 'GET', `/m/${name}`), undefined, name);
  }
  t.is((await dav(server, 'PROPFIND', '/', { headers: { Depth: '0' } })).status, 207);
});

test('a reader that goes away releases what it held', async (t) => {
  const home = new MemoryDriver();
  let open_ = 0;
  const get = home.get.bind(home);
  home.get = async (path, options) => {
    const body = await get(path, options);
    return (async function* () {
      open_ += 1;
      try {
        for (let n = 0; n < 100; n++) yield Buffer.alloc(1 << 20);
        yield* body;
      } finally {
        open_ -= 1;
      }
    })();
  };
  const server = await webdavServer(t, { home: () => home });
  await dav(server, 'PUT', '/big', { body: 'x' });
  const stat = home.stat.bind(home);
  home.stat = async (path, call) => ({ ...(await stat(path, call)), size: 200 << 20 });
  for (let n = 0; n < 10; n++) {
    const socket = open(server.port);
    socket.write(`GET /dav/big HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
  }
  while (open_ > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.is(open_, 0);
});

test('many downloads at once, some given up, each get their own bytes', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  const contents = Array.from({ length: 6 }, (_, n) => Buffer.alloc((3 << 20) + n * 1000, n + 1));
  await Promise.all(contents.map((body, n) => dav(server, 'PUT', `/f${n}`, { body })));
  const giveUp = async (n: number) => {
    const socket = open(server.port);
    socket.write(`GET /dav/f${n} HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\n\r\n`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.destroy();
  };
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      contents.flatMap((content, n) => [
        giveUp(n),
        dav(server, 'GET', `/f${n}`).then(({ body }) => t.true(body.equals(content), `f${n}`)),
        dav(server, 'GET', `/f${n}`, { headers: { Range: 'bytes=500000-1499999' } }).then(({ body }) =>
          t.true(body.equals(content.subarray(500_000, 1_500_000)), `f${n} in part`),
        ),
      ]),
    );
  }
});
