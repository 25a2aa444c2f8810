import { createServer } from 'node:net';
import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import { noLog } from '../../../src/core/log.js';
import { noMeter } from '../../../src/core/meter.js';
import { capKey, TrustedProxies } from '../../../src/frontends/http/client-address.js';
import { HttpListener } from '../../../src/frontends/http/listener.js';
import type { Route } from '../../../src/frontends/route.js';
import { ask, closed, open, raw } from '../../support/http-client.js';
import { RecordingMeter, recordingLog } from '../../support/recording.js';
import { ALICE, webdavServer } from '../../support/webdav.js';

const echo: Route = {
  name: 'echo',
  prefix: '/echo',
  async handle(request, response) {
    const text = JSON.stringify({
      address: request.address,
      secure: request.secure,
      path: request.path,
      id: request.id,
    });
    response.writeHead(200, { 'Content-Length': Buffer.byteLength(text) });
    request.end(text);
  },
};

const broken: Route = {
  name: 'broken',
  prefix: '/broken/',
  handle(request, response) {
    if (request.path.endsWith('late')) response.writeHead(200, { 'Content-Length': 100 }).write('some');
    throw new Error('a mistake of ours');
  },
};

test('health and readiness are told without a login', async (t) => {
  const up = await webdavServer(t);
  t.like(await ask(up.origin, '/healthz'), { status: 200, text: 'ok\n' });
  t.like(await ask(up.origin, '/readyz'), { status: 200, text: 'ready\n/ ok\n' });
  t.is((await ask(up.origin, '/readyz', { method: 'HEAD' })).text, '');
  t.is((await ask(up.origin, '/healthz', { method: 'POST', body: 'x' })).status, 405);
  const down = await webdavServer(t, { ready: false });
  t.like(await ask(down.origin, '/readyz'), { status: 503 });
  t.is((await ask(down.origin, '/healthz')).status, 200);
});

test('the page says how to connect, and loads nothing', async (t) => {
  const { origin, dav } = await webdavServer(t);
  const { status, headers, text } = await ask(origin, '/');
  t.is(status, 200);
  t.is(headers['content-type'], 'text/html; charset=utf-8');
  t.regex(String(headers['content-security-policy']), /default-src 'none'/);
  t.true(text.includes(dav));
  t.true(text.includes('sftp -P 2022'));
  t.notRegex(text, /<script|src=|href=/);
  const forged = await ask(origin, '/', { headers: { Host: 'x"><script>alert(1)</script>' } });
  t.false(forged.text.includes('<script>'));
  t.is((await ask(origin, '/nothing')).status, 404);
});

test('a port that is taken is one clear line and exit code 1', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  const options = { trustedProxies: [], routes: [], meter: noMeter, log: noLog };
  const listener = new HttpListener({ listen: { host: '127.0.0.1', port }, ...options });
  await t.throwsAsync(listener.start(), {
    name: 'StartError',
    message: `web.listen 127.0.0.1:${port} is taken by another program`,
  });
  await listener.stop(Date.now());
});

test('lesson 25: a client address from a header is believed only of trusted proxies', async (t) => {
  const forged = { 'X-Forwarded-For': '203.0.113.7, 198.51.100.1', 'X-Forwarded-Proto': 'https' };
  const alone = await webdavServer(t, { routes: [echo] });
  t.like(JSON.parse((await ask(alone.origin, '/echo', { headers: forged })).text), {
    address: '127.0.0.1',
    secure: false,
  });
  const behind = await webdavServer(t, { routes: [echo], trustedProxies: ['127.0.0.0/8', '198.51.100.0/24'] });
  t.like(JSON.parse((await ask(behind.origin, '/echo', { headers: forged })).text), {
    address: '203.0.113.7',
    secure: true,
  });
  const proxies = new TrustedProxies(['10.0.0.0/8', 'fd00::/8']);
  t.is(proxies.clientOf('10.1.2.3', '203.0.113.7, 192.0.2.1'), '192.0.2.1', 'the last that is not trusted');
  t.is(proxies.clientOf('10.1.2.3', 'nonsense'), '10.1.2.3');
  t.is(proxies.clientOf('fd00::1', '192.0.2.1, fd00::9'), '192.0.2.1');
  t.is(proxies.clientOf('192.0.2.5', '203.0.113.7'), '192.0.2.5');
  t.throws(() => new TrustedProxies(['10.0.0.0/99']), { name: 'StartError', message: /web\.trustedProxies/ });
});

test('an IPv6 client is counted by its /64', (t) => {
  t.is(capKey('2001:db8:1:2:3:4:5:6'), capKey('2001:db8:1:2::1'));
  t.not(capKey('2001:db8:1:2::1'), capKey('2001:db8:1:3::1'));
  t.is(capKey('::1'), '0:0:0:0::/64');
  t.is(capKey('192.0.2.1'), '192.0.2.1');
});

test('a mistake of ours is a 500, or a broken connection, and the next request works', async (t) => {
  const { log, lines } = recordingLog();
  const { origin } = await webdavServer(t, { routes: [broken], log });
  t.is((await ask(origin, '/broken/early')).status, 500);
  await t.throwsAsync(ask(origin, '/broken/late'));
  t.is((await ask(origin, '/healthz')).status, 200);
  t.is(lines.filter(({ message }) => message === 'request failed').length, 2);
});

test('what is not HTTP gets 400, 431 or nothing, and the listener lives', async (t) => {
  const { port, origin } = await webdavServer(t);
  t.regex(await raw(port, 'GET\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.regex(await raw(port, Buffer.from([0x16, 0x03, 0x01, 0, 1, 0xff, 0, 0])), /^HTTP\/1\.1 400 /);
  t.regex(await raw(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /);
  t.regex(await raw(port, 'GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /, 'no Host');
  const both = 'POST /dav/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n';
  t.regex(await raw(port, both), /^HTTP\/1\.1 400 /, 'two lengths');
  const chunk = `PUT /dav/x HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`;
  t.notRegex(await raw(port, chunk), /HTTP\/1\.1 20/, 'a chunk size that is none');
  t.is((await ask(origin, '/dav/x', { headers: { Authorization: ALICE } })).status, 404);
  t.is((await ask(origin, '/healthz')).status, 200);
});

test('clients that send their head slowly are let go, and honest ones are served meanwhile', async (t) => {
  t.timeout(90_000);
  const { port, origin } = await webdavServer(t);
  const slow = Array.from({ length: 400 }, () => open(port));
  const drip = setInterval(() => {
    for (const socket of slow) if (!socket.destroyed) socket.write('X');
  }, 1000);
  t.teardown(() => {
    clearInterval(drip);
    for (const socket of slow) socket.destroy();
  });
  for (const [index, socket] of slow.entries()) {
    // A third says nothing at all.
    if (index % 3 !== 0) socket.write('GET /dav/ HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    socket.resume();
  }
  const began = Date.now();
  t.is((await ask(origin, '/healthz')).status, 200);
  await Promise.all(slow.map(closed));
  t.true(Date.now() - began < 45_000, 'Node by itself takes 93 s');
  t.is((await ask(origin, '/healthz')).status, 200);
});

test('one address gets only so many connections, and leaves room for others', async (t) => {
  const meter = new RecordingMeter();
  const { port, origin } = await webdavServer(t, { limits: { connectionsPerAddress: 20 }, meter });
  const sockets = Array.from({ length: 60 }, () => open(port, '127.0.0.2'));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) socket.resume();
  const refused = sockets.map((socket) => closed(socket));
  let gone = 0;
  for (const end of refused) void end.then(() => (gone += 1));
  t.is((await ask(origin, '/healthz')).status, 200, 'another address is served');
  while (gone < 40) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(gone, 40);
  t.is(meter.value('isthmus_http_connections'), 20);
  for (const socket of sockets) socket.destroy();
  while (meter.value('isthmus_http_connections') !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is((await ask(origin, '/healthz')).status, 200);
});

test('requests are counted and logged, without their credentials', async (t) => {
  const meter = new RecordingMeter();
  const { log, lines } = recordingLog();
  const { origin } = await webdavServer(t, { meter, log, mounts: [{ at: '/m', driver: new MemoryDriver() }] });
  await ask(origin, '/dav/m/missing', { method: 'DELETE', headers: { Authorization: ALICE } });
  await ask(origin, '/dav/a.txt', { method: 'PUT', headers: { Authorization: ALICE }, body: 'hello' });
  await ask(origin, '/dav/a.txt', { headers: { Authorization: ALICE } });
  await ask(origin, '/dav/a.txt', { method: 'BREW' }).catch(() => {});
  await ask(origin, '/dav/a.txt', { method: 'REPORT' });
  t.is(meter.value('isthmus_frontend_operations_total', 'webdav', 'PUT', '201'), 1);
  t.is(meter.value('isthmus_frontend_operations_total', 'webdav', 'GET', '200'), 1);
  t.is(meter.value('isthmus_frontend_operations_total', 'webdav', 'other', '401'), 1);
  t.is(meter.value('isthmus_frontend_bytes_total', 'webdav', 'in'), 5);
  t.is(meter.value('isthmus_frontend_bytes_total', 'webdav', 'out'), 5);
  const put = lines.find(({ fields }) => fields.method === 'PUT');
  t.like(put?.fields, { path: '/dav/a.txt', status: 201, user: 'alice', mount: '/', received: 5, frontend: 'webdav' });
  const refused = lines.find(({ fields }) => fields.method === 'DELETE');
  t.like(refused?.fields, { status: 404, result: '404', user: 'alice', mount: '/m' });
  t.is(typeof refused?.fields.id, 'string');
  t.false(JSON.stringify(lines).includes(ALICE.slice(6)));
  t.false(JSON.stringify(lines).includes('alice-secret'));
});

test('who waits for 100 Continue is refused before the body, or told to go on', async (t) => {
  const { port } = await webdavServer(t);
  const head = (authorization: string) =>
    `PUT /dav/e HTTP/1.1\r\nHost: a\r\n${authorization}Expect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n`;
  const refused = await raw(port, head(''));
  t.regex(refused, /^HTTP\/1\.1 401 /);
  const socket = open(port);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
    if (answer === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('body');
  });
  socket.write(head(`Authorization: ${ALICE}\r\n`));
  await closed(socket);
  t.regex(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
});

test('who is refused while it sends gigabytes sees why', async (t) => {
  const { port } = await webdavServer(t);
  const socket = open(port);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk.toString();
  });
  socket.write(`PUT /dav/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${1 << 30}\r\n\r\n`);
  const piece = Buffer.alloc(1 << 20);
  const send = setInterval(() => socket.write(piece), 10);
  await closed(socket);
  clearInterval(send);
  t.regex(answer, /^HTTP\/1\.1 401 .*[Cc]onnection: close/s);
});

test('requests may be pipelined, within reason', async (t) => {
  const { port, origin } = await webdavServer(t);
  const one = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
  const last = one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
  t.is((await raw(port, one.repeat(9) + last)).split('HTTP/1.1 200 OK').length - 1, 10);
  const put = `PUT /dav/x HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\nContent-Length: 0\r\n\r\n`;
  t.true((await raw(port, put.repeat(200))).split('HTTP/1.1 ').length - 1 < 200, 'and then cut');
  t.is((await ask(origin, '/healthz')).status, 200);
});

test('a body without progress is ended, and the old content stays', async (t) => {
  const { port, origin } = await webdavServer(t, { limits: { bodyTimeout: 300, progressBytes: 64 } });
  t.timeout(60_000);
  const headers = { Authorization: ALICE };
  await ask(origin, '/dav/kept', { method: 'PUT', headers, body: 'old' });
  const socket = open(port);
  socket.resume();
  socket.write(`PUT /dav/kept HTTP/1.1\r\nHost: a\r\nAuthorization: ${ALICE}\r\nContent-Length: 1000000\r\n\r\nnew`);
  const drip = setInterval(() => socket.write('.'), 50);
  await closed(socket);
  clearInterval(drip);
  t.is((await ask(origin, '/dav/kept', { headers })).text, 'old');
});

test('stopping lets a request finish, refuses new ones, and ends at the deadline', async (t) => {
  let release: (() => void) | undefined;
  const slow: Route = {
    name: 'slow',
    prefix: '/slow',
    async handle(request) {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      request.end('done');
    },
  };
  const { origin, listener, port } = await webdavServer(t, { routes: [slow] });
  const idle = open(port);
  idle.resume();
  const running = ask(origin, '/slow');
  while (release === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
  const stopped = listener.stop(Date.now() + 30_000);
  await t.throwsAsync(ask(origin, '/healthz'));
  (release as () => void)();
  t.is((await running).text, 'done');
  await closed(idle);
  await stopped;
  await listener.stop(Date.now());

  const other = await webdavServer(t, { routes: [slow] });
  const hanging = ask(other.origin, '/slow');
  const broken = t.throwsAsync(hanging);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await other.listener.stop(Date.now() + 100);
  await broken;
});
