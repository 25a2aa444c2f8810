import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import { VfsError } from '../../../src/core/errors.js';
import { childrenOf, elementsOf, parseXml } from '../../../src/frontends/webdav/xml/reader.js';
import { tempFolder } from '../../support/temp.js';
import { dav, localHomes, type WebdavServer, webdavServer } from '../../support/webdav.js';

const propfind = (server: WebdavServer, path: string, depth: string, names = '') =>
  dav(server, 'PROPFIND', path, {
    headers: { Depth: depth },
    ...(names === '' ? {} : { body: `<propfind xmlns="DAV:" xmlns:q="urn:q"><prop>${names}</prop></propfind>` }),
  });

const hrefs = (text: string) => [...text.matchAll(/<D:href>([^<]*)<\/D:href>/g)].map(([, href]) => href).sort();

test('a folder of 10,000 is listed whole and well-formed', async (t) => {
  const folder = await tempFolder(t);
  await mkdir(join(folder, 'alice', 'many'), { recursive: true });
  for (let n = 0; n < 10_000; n += 500) {
    await Promise.all(
      Array.from({ length: 500 }, (_, k) => writeFile(join(folder, 'alice', 'many', `ümlaut & <${n + k}>`), '')),
    );
  }
  const server = await webdavServer(t, { home: localHomes(folder) });
  const { status, body } = await propfind(server, '/many', '1');
  t.is(status, 207);
  const responses = childrenOf(parseLarge(body.toString()), 'DAV:', 'response');
  t.is(responses.length, 10_001);
});

/** As parseXml, in pieces that stay below its limits. */
function parseLarge(text: string) {
  const [head, ...rest] = text.split('<D:response>');
  const children = rest.map((one) => {
    const response = one.split('</D:response>')[0];
    return elementsOf(parseXml(Buffer.from(`<D:m xmlns:D="DAV:"><D:response>${response}</D:response></D:m>`)))[0]!;
  });
  parseXml(Buffer.from(`${head}${rest.at(-1)!.split('</D:response>')[1]}`));
  return { namespace: 'DAV:', local: 'multistatus', attributes: [], children, language: undefined };
}

test('properties are those of RFC 4918 §15, and what is missing is 404', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  await dav(server, 'MKCOL', '/f');
  const { headers } = await dav(server, 'PUT', '/f/a%20b.txt', { body: 'hello' });
  const file = await propfind(server, '/f/a%20b.txt', '0');
  t.deepEqual(hrefs(file.text), ['/dav/f/a%20b.txt']);
  for (const part of [
    '<D:displayname>a b.txt</D:displayname>',
    '<D:getcontentlength>5</D:getcontentlength>',
    '<D:getcontenttype>text/plain</D:getcontenttype>',
    '<D:resourcetype/>',
    `<D:getetag>${String(headers.etag).replaceAll('"', '&quot;')}</D:getetag>`,
    '<D:getlastmodified>',
    '<D:supportedlock><D:lockentry>',
    '<D:lockdiscovery/>',
  ]) {
    t.true(file.text.includes(part), part);
  }
  const named = await propfind(server, '/f', '1', '<getcontentlength/><q:mine/>');
  t.deepEqual(hrefs(named.text), ['/dav/f/', '/dav/f/a%20b.txt']);
  t.is([...named.text.matchAll(/404 Not Found/g)].length, 2);
  const names = await dav(server, 'PROPFIND', '/f', {
    headers: { Depth: '0' },
    body: '<propfind xmlns="DAV:"><propname/></propfind>',
  });
  t.true(names.text.includes('<D:resourcetype/>'));
  t.false(names.text.includes('getcontentlength'));
  t.is((await propfind(server, '/none', '0')).status, 404);
  t.is((await propfind(server, '/f', '2')).status, 400);
  const infinite = await propfind(server, '/', 'infinity');
  t.is(infinite.status, 403);
  t.true(infinite.text.includes('<D:propfind-finite-depth/>'));
});

test('quota is told when it is asked for (RFC 4331)', async (t) => {
  const server = await webdavServer(t, { home: localHomes(await tempFolder(t)) });
  await dav(server, 'MKCOL', '/f');
  const asked = await propfind(server, '/', '1', '<quota-available-bytes/><quota-used-bytes/>');
  t.is([...asked.text.matchAll(/<D:quota-available-bytes>\d+</g)].length, 2);
  t.is([...asked.text.matchAll(/<D:quota-used-bytes>\d+</g)].length, 2);
  t.false((await propfind(server, '/', '0')).text.includes('quota'));
});

test('dead properties are kept, moved, copied and removed with their file', async (t) => {
  const server = await webdavServer(t);
  await dav(server, 'PUT', '/a', { body: 'x' });
  const patch = (body: string) =>
    dav(server, 'PROPPATCH', '/a', { body: `<propertyupdate xmlns="DAV:" xmlns:q="urn:q">${body}</propertyupdate>` });
  t.true((await patch('<set><prop><q:mine><q:b>1</q:b></q:mine></prop></set>')).text.includes('200 OK'));
  const value = '<mine xmlns="urn:q"><b xmlns="urn:q">1</b></mine>';
  t.true((await propfind(server, '/a', '0', '<q:mine/>')).text.includes(value));
  t.true((await propfind(server, '/', '1')).text.includes(value), 'in allprop of the folder too');
  await dav(server, 'COPY', '/a', { headers: { Destination: '/dav/b' } });
  await dav(server, 'MOVE', '/a', { headers: { Destination: '/dav/c' } });
  for (const path of ['/b', '/c']) t.true((await propfind(server, path, '0', '<q:mine/>')).text.includes(value), path);
  await dav(server, 'DELETE', '/b');
  await dav(server, 'PUT', '/b', { body: 'new' });
  t.false((await propfind(server, '/b', '0', '<q:mine/>')).text.includes(value));

  await dav(server, 'PUT', '/a', { body: 'x' });
  const mixed = await patch('<set><prop><q:other>1</q:other><getetag>forged</getetag></prop></set>');
  t.regex(mixed.text, /getetag.*403 Forbidden.*cannot-modify-protected-property/s);
  t.regex(mixed.text, /other.*424 Failed Dependency/s);
  t.true((await propfind(server, '/a', '0', '<q:other/>')).text.includes('404'), 'all or nothing');
  await patch('<set><prop><displayname>Shown</displayname></prop></set>');
  t.true((await propfind(server, '/a', '0')).text.includes('>Shown</displayname>'));
});

test('unavailable is never empty: 503 for the folder, and its parent as usual', async (t) => {
  const dead = new MemoryDriver();
  dead.stat = (path) => Promise.reject(new VfsError('EUNAVAILABLE', 'stat', path));
  // biome-ignore lint/correctness/useYield: a listing that fails before its first page
  dead.list = async function* (path) {
    throw new VfsError('EUNAVAILABLE', 'list', path);
  };
  const server = await webdavServer(t, { mounts: [{ at: '/dead', driver: dead }] });
  await dav(server, 'PUT', '/own', { body: 'x' });
  const parent = await propfind(server, '/', '1');
  t.is(parent.status, 207);
  t.deepEqual(hrefs(parent.text), ['/dav/', '/dav/dead/', '/dav/own']);
  const folder = await propfind(server, '/dead', '1');
  t.is(folder.status, 503);
  t.truthy(folder.headers['retry-after']);
  t.is((await propfind(server, '/dead/x', '0')).status, 503);
  t.is((await dav(server, 'GET', '/dead/x')).status, 503);
  t.is((await dav(server, 'PUT', '/dead/x', { body: 'x' })).status, 503);
});

test('a listing that breaks off breaks the connection, and is not taken for complete', async (t) => {
  const torn = new MemoryDriver();
  const list = torn.list.bind(torn);
  torn.list = async function* (path, call) {
    for await (const page of list(path, call)) {
      for (let n = 0; n < 50; n++) yield page.map((one) => ({ ...one, name: `${one.name}-${n}` }));
    }
    throw new VfsError('EIO', 'list', path);
  };
  const server = await webdavServer(t, { mounts: [{ at: '/m', driver: torn }] });
  for (let n = 0; n < 50; n++) await dav(server, 'PUT', `/m/f${n}`, { body: '' });
  await t.throwsAsync(propfind(server, '/m', '1'));
});

test('a symbolic link is not shown, and not followed', async (t) => {
  const folder = await tempFolder(t);
  await mkdir(join(folder, 'alice'));
  await writeFile(join(folder, 'secret'), 'secret');
  await symlink('../secret', join(folder, 'alice', 'link'));
  const server = await webdavServer(t, { home: localHomes(folder) });
  t.deepEqual(hrefs((await propfind(server, '/', '1')).text), ['/dav/']);
  for (const method of ['GET', 'HEAD']) t.is((await dav(server, method, '/link')).status, 403);
});
