import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import { BOB, dav, type WebdavServer, webdavServer } from '../../support/webdav.js';

const lockinfo = (scope = 'exclusive') =>
  `<lockinfo xmlns="DAV:"><lockscope><${scope}/></lockscope><locktype><write/></locktype><owner><href>me</href></owner></lockinfo>`;

async function lock(server: WebdavServer, path: string, headers: Record<string, string> = {}, scope?: string) {
  const answer = await dav(server, 'LOCK', path, { body: lockinfo(scope), headers });
  return { ...answer, token: String(answer.headers['lock-token'] ?? '').slice(1, -1) };
}

const shared = () => {
  const driver = new MemoryDriver();
  return { mounts: [{ at: '/team', driver }] };
};

test('a lock keeps out who does not show its token, on every verb that changes', async (t) => {
  const server = await webdavServer(t, shared());
  await dav(server, 'PUT', '/team/a', { body: 'x' });
  const { status, token, text } = await lock(server, '/team/a', { Timeout: 'Infinite, Second-600' });
  t.is(status, 200);
  t.regex(text, /<D:timeout>Second-86400<\/D:timeout>/);
  t.true(text.includes(`<D:locktoken><D:href>${token}</D:href></D:locktoken>`));
  const Destination = '/dav/team/b';
  for (const Authorization of [undefined, BOB]) {
    const headers = { Destination, ...(Authorization === undefined ? {} : { Authorization }) };
    for (const method of ['PUT', 'DELETE', 'MOVE', 'PROPPATCH']) {
      const body =
        method === 'PROPPATCH'
          ? '<propertyupdate xmlns="DAV:"><remove><prop><x xmlns="q"/></prop></remove></propertyupdate>'
          : '';
      const refused = await dav(server, method, '/team/a', { headers, body });
      t.is(refused.status, 423, method);
      t.true(refused.text.includes('<D:lock-token-submitted><D:href>/dav/team/a</D:href>'), method);
    }
    t.is((await dav(server, 'COPY', '/team/a', { headers })).status, Authorization === undefined ? 201 : 204);
  }
  const If = `(<${token}>)`;
  t.is((await dav(server, 'PUT', '/team/a', { body: 'y', headers: { If } })).status, 204);
  t.is((await dav(server, 'PUT', '/team/a', { body: 'z', headers: { If, Authorization: BOB } })).status, 412);
  t.is((await dav(server, 'UNLOCK', '/team/a', { headers: { 'Lock-Token': `<${token}>` } })).status, 204);
  t.is((await dav(server, 'PUT', '/team/a', { body: 'z', headers: { Authorization: BOB } })).status, 204);
});

test('lesson 5: a token is shown to its holder only, and is worth nothing to others', async (t) => {
  const server = await webdavServer(t, shared());
  await dav(server, 'PUT', '/team/a', { body: 'x' });
  const { token } = await lock(server, '/team/a');
  for (const depth of ['0', '1']) {
    const path = depth === '0' ? '/team/a' : '/team';
    const mine = await dav(server, 'PROPFIND', path, { headers: { Depth: depth } });
    const theirs = await dav(server, 'PROPFIND', path, { headers: { Depth: depth, Authorization: BOB } });
    t.true(mine.text.includes(token));
    t.true(theirs.text.includes('<D:activelock>'));
    t.false(theirs.text.includes(token));
  }
  const conflict = await dav(server, 'LOCK', '/team/a', { body: lockinfo(), headers: { Authorization: BOB } });
  t.is(conflict.status, 423);
  t.false(conflict.text.includes(token));
  const stolen = { 'Lock-Token': `<${token}>`, Authorization: BOB };
  t.is((await dav(server, 'UNLOCK', '/team/a', { headers: stolen })).status, 403);
  t.is((await dav(server, 'LOCK', '/team/a', { headers: { If: `(<${token}>)`, Authorization: BOB } })).status, 412);
  t.is((await dav(server, 'PUT', '/team/a', { body: 'y', headers: { If: `(<${token}>)` } })).status, 204);
});

test('a lock on a folder covers what is below it', async (t) => {
  const server = await webdavServer(t, shared());
  await dav(server, 'MKCOL', '/team/f');
  const { token } = await lock(server, '/team/f', { Depth: 'infinity' });
  t.is((await dav(server, 'PUT', '/team/f/a', { body: 'x' })).status, 423);
  const If = `</dav/team/f> (<${token}>)`;
  t.is((await dav(server, 'PUT', '/team/f/a', { body: 'x', headers: { If } })).status, 201);
  t.is((await dav(server, 'LOCK', '/team/f/a', { headers: { If: `(<${token}>)`, Timeout: 'Second-60' } })).status, 200);
  t.is((await dav(server, 'DELETE', '/team/f')).status, 423);
  t.is((await dav(server, 'DELETE', '/team/f', { headers: { If } })).status, 204);
  await dav(server, 'MKCOL', '/team/f');
  t.is((await dav(server, 'PUT', '/team/f/a', { body: 'x' })).status, 201, 'the lock went with its folder');
});

test('423 names the locked resource, on whichever mount it is', async (t) => {
  const server = await webdavServer(t, shared());
  t.is((await lock(server, '/')).status, 200);
  const refused = await dav(server, 'PUT', '/team/a', { body: 'x' });
  t.is(refused.status, 423);
  t.regex(refused.text, /<D:href>\/dav\/<\/D:href>/);
});

test('shared locks stand beside each other, and not beside an exclusive one', async (t) => {
  const server = await webdavServer(t, shared());
  await dav(server, 'PUT', '/team/a', { body: 'x' });
  t.is((await lock(server, '/team/a', {}, 'shared')).status, 200);
  t.is((await lock(server, '/team/a', { Authorization: BOB }, 'shared')).status, 200);
  const refused = await lock(server, '/team/a');
  t.is(refused.status, 423);
  t.true(refused.text.includes('<D:no-conflicting-lock/>'));
  t.is((await lock(server, '/team/a', {}, 'other')).status, 422);
});

test('locking a name that is free makes an empty file (RFC 4918 §7.3)', async (t) => {
  const server = await webdavServer(t, shared());
  const { status, token } = await lock(server, '/team/new');
  t.is(status, 201);
  t.like(await dav(server, 'GET', '/team/new'), { status: 200, text: '' });
  t.is((await dav(server, 'PUT', '/team/new', { body: 'x' })).status, 423);
  t.is((await dav(server, 'PUT', '/team/new', { body: 'x', headers: { If: `(<${token}>)` } })).status, 204);
  t.is((await lock(server, '/team/none/new')).status, 409);
  t.is((await dav(server, 'UNLOCK', '/team/new', { headers: { 'Lock-Token': '<urn:uuid:none>' } })).status, 409);
  t.is((await dav(server, 'UNLOCK', '/team/new')).status, 400);
});
