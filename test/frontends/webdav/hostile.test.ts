import test from 'ava';
import { VfsError } from '../../../src/core/errors.js';
import { ask, raw } from '../../support/http-client.js';
import { ALICE, BOB, dav, FixedUsers, webdavServer } from '../../support/webdav.js';

const PROPFIND = '<propfind xmlns="DAV:"><allprop/></propfind>';

test('six requests that kill other servers do not kill this one', async (t) => {
  const server = await webdavServer(t);
  await dav(server, 'PUT', '/a', { body: 'x' });
  for (const Authorization of [ALICE, '']) {
    const expected = Authorization === '' ? 401 : 400;
    const headers: Record<string, string> = Authorization === '' ? {} : { Authorization };
    for (const target of ['/dav/%ff', '/dav/%zz', '/dav/%00']) {
      t.is((await ask(server.origin, target, { headers })).status, expected, target);
    }
    t.is(
      (await ask(server.origin, '/dav/a', { method: 'PUT', headers: { ...headers, If: '(<untagged' }, body: 'y' }))
        .status,
      expected,
    );
    const copy = { ...headers, Destination: '/dav/%zz' };
    t.is((await ask(server.origin, '/dav/a', { method: 'COPY', headers: copy })).status, expected);
    const line = Authorization === '' ? '' : `Authorization: ${Authorization}\r\n`;
    const huge = `PROPFIND /dav/ HTTP/1.1\r\nHost: a\r\n${line}Content-Length: 99999999999999\r\n\r\n`;
    t.regex(await raw(server.port, huge), Authorization === '' ? /^HTTP\/1\.1 401 / : /^HTTP\/1\.1 413 /);
  }
  t.is((await dav(server, 'GET', '/a')).text, 'x');
});

test('bodies of XML are bounded in size, depth and number', async (t) => {
  const server = await webdavServer(t);
  const status = async (body: string, headers = {}) =>
    (await dav(server, 'PROPFIND', '/', { body, headers: { Depth: '0', ...headers } })).status;
  t.is(await status(PROPFIND), 207);
  const many = `<propfind xmlns="DAV:"><prop>${'<x xmlns="a"/>'.repeat(300_000)}</prop></propfind>`;
  t.true(many.length > 4_000_000);
  t.is(await status(many), 413);
  t.is(await status(many, { 'Transfer-Encoding': 'chunked' }), 413);
  t.is(await status(`<!DOCTYPE x>${PROPFIND}`), 400);
  t.is(await status(`${'<a>'.repeat(20_000)}`), 400);
  t.is(await status(`<propfind xmlns="DAV:"><prop>${'<x xmlns="a"/>'.repeat(2000)}</prop></propfind>`), 400);
  t.is(await status('not xml'), 400);
  t.is(await status('<other/>'), 400);
  t.is((await dav(server, 'LOCK', '/a', { body: '<propfind xmlns="DAV:"/>' })).status, 400);
  t.is((await dav(server, 'PROPPATCH', '/', { body: '<propertyupdate xmlns="DAV:"/>' })).status, 400);
  t.is(await status(PROPFIND), 207);
});

test('names that mean something in a path do not get through', async (t) => {
  const server = await webdavServer(t);
  await dav(server, 'MKCOL', '/a');
  for (const target of [
    '/..',
    '/%2e%2e',
    '/a/../../etc/passwd',
    '/a/%2e%2e/b',
    '/a%2fb',
    '/a/..%2f..%2fetc',
    '/.isthmus-tmp-1',
  ]) {
    const { status } = await dav(server, 'GET', target);
    t.true(status === 400 || status === 404, `${target}: ${status}`);
    const moved = await dav(server, 'MOVE', '/a', { headers: { Destination: `/dav${target}` } });
    t.true(moved.status >= 400 && moved.status < 500, `${target}: ${moved.status}`);
  }
  t.is((await dav(server, 'PROPFIND', '/a', { headers: { Depth: '0' } })).status, 207);
});

test('a destination elsewhere is refused', async (t) => {
  const server = await webdavServer(t, { publicUrl: 'https://files.example.org' });
  await dav(server, 'PUT', '/a', { body: 'x' });
  const copy = async (Destination: string) => (await dav(server, 'COPY', '/a', { headers: { Destination } })).status;
  t.is(await copy('http://elsewhere.example/dav/b'), 502);
  t.is(await copy(`${server.origin}/other/b`), 502);
  t.is(await copy('/davx/b'), 502);
  t.is(await copy('ftp://127.0.0.1/dav/b'), 400);
  t.is(await copy('//127.0.0.1/dav/b'), 400);
  t.is(await copy(''), 400);
  t.is(await copy(`${server.origin}/dav/b1`), 201);
  t.is(await copy('https://files.example.org/dav/b2'), 201);
  t.is(await copy('HTTPS://FILES.example.org:443/dav/b3'), 201);
  t.is(await copy('/dav/b4'), 201);
});

test('lessons 20, 22: every verb wants a login, and an empty password is none', async (t) => {
  const auth = new FixedUsers();
  const server = await webdavServer(t, { auth });
  const verbs = [
    'GET',
    'HEAD',
    'PUT',
    'DELETE',
    'MKCOL',
    'COPY',
    'MOVE',
    'PROPFIND',
    'PROPPATCH',
    'LOCK',
    'UNLOCK',
    'POST',
    'REPORT',
  ];
  for (const method of verbs) {
    for (const credentials of [undefined, 'alice:wrong', 'alice:', ':', 'nobody:nobody-secret', 'constructor:x']) {
      const headers: Record<string, string> = { Destination: '/dav/x' };
      if (credentials !== undefined) headers.Authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
      const { status, headers: answer } = await ask(server.origin, '/dav/a', { method, headers });
      t.is(status, 401, `${method} ${credentials}`);
      t.is(answer['www-authenticate'], 'Basic realm="Isthmus", charset="UTF-8"');
    }
  }
  const options = await ask(server.origin, '/dav/', { method: 'OPTIONS' });
  t.is(options.status, 200);
  t.is(options.headers.dav, '1, 2, 3');
  t.is((await dav(server, 'POST', '/')).status, 405);
});

test('each sees their own files only', async (t) => {
  const server = await webdavServer(t);
  await dav(server, 'PUT', '/mine', { body: 'x' });
  t.is((await dav(server, 'GET', '/mine', { headers: { Authorization: BOB } })).status, 404);
});

test('throttled is 429, sources of users that do not answer are 503, and neither is 401', async (t) => {
  const failing = (code: 'EAGAIN' | 'EUNAVAILABLE') => {
    const auth = new FixedUsers();
    auth.password = () => Promise.reject(new VfsError(code, 'sign-in', 'account'));
    return auth;
  };
  const throttled = await dav(await webdavServer(t, { auth: failing('EAGAIN') }), 'GET', '/');
  t.is(throttled.status, 429);
  t.truthy(throttled.headers['retry-after']);
  const dead = await dav(await webdavServer(t, { auth: failing('EUNAVAILABLE') }), 'GET', '/');
  t.is(dead.status, 503);
  t.truthy(dead.headers['retry-after']);
});
