import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import test from 'ava';
import { noLog } from '../../../src/core/log.js';
import { noMeter } from '../../../src/core/meter.js';
import { HttpListener } from '../../../src/frontends/http/listener.js';
import type { TlsFiles } from '../../../src/frontends/http/tls.js';
import { ask, closed, open } from '../../support/http-client.js';
import { RecordingMeter } from '../../support/recording.js';
import { tempFolder } from '../../support/temp.js';
import { ALICE, webdavServer } from '../../support/webdav.js';

const run = promisify(execFile);

/** A certificate for 127.0.0.1 that signs itself, and its key. */
async function certificate(folder: string, name = 'tls'): Promise<{ cert: string; key: string }> {
  const [cert, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  await run('openssl', [...args, ...names, '-keyout', key, '-out', cert]);
  return { cert, key };
}

test('WebDAV over TLS, for clients that verify', async (t) => {
  const folder = await tempFolder(t);
  const files = await certificate(folder);
  const meter = new RecordingMeter();
  const server = await webdavServer(t, { tls: files, meter });
  t.regex(server.dav, /^https:/);
  const ca = await readFile(files.cert, 'utf8');
  const headers = { Authorization: ALICE };
  const body = Buffer.alloc(2 << 20, 'tls');
  t.is((await ask(server.origin, '/dav/a', { method: 'PUT', headers, body, ca })).status, 201);
  t.deepEqual((await ask(server.origin, '/dav/a', { headers, ca })).body, body);
  const { stdout } = await run('curl', ['-sS', '--cacert', files.cert, `${server.origin}/healthz`]);
  t.is(stdout, 'ok\n');
  await t.throwsAsync(ask(server.origin, '/healthz'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  while (meter.value('isthmus_http_connections') > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.pass('connections are counted to their end');
});

test('the same from PEM text, and old protocols are refused', async (t) => {
  const folder = await tempFolder(t);
  const files = await certificate(folder);
  const text = { cert: await readFile(files.cert, 'utf8'), key: await readFile(files.key, 'utf8') };
  const server = await webdavServer(t, { tls: text });
  t.is((await ask(server.origin, '/healthz', { ca: text.cert })).status, 200);
  const protocol = (maxVersion: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
    new Promise((resolve) => {
      const options = { minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
      const socket = connect({ ...options, port: server.port, host: '127.0.0.1', ca: text.cert }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.once('error', () => resolve('refused'));
    });
  t.is(await protocol('TLSv1.1'), 'refused');
  t.is(await protocol('TLSv1.2'), 'TLSv1.2');
  t.is(await protocol('TLSv1.3'), 'TLSv1.3');
});

test('who never shakes hands is let go', async (t) => {
  const files = await certificate(await tempFolder(t));
  const server = await webdavServer(t, { tls: files, limits: { headersTimeout: 500 } });
  const sockets = Array.from({ length: 20 }, () => open(server.port));
  for (const socket of sockets) socket.resume();
  await Promise.all(sockets.map(closed));
  const ca = await readFile(files.cert, 'utf8');
  t.is((await ask(server.origin, '/healthz', { ca })).status, 200);
});

test('a key that cannot serve is named, with exit code 78', async (t) => {
  const folder = await tempFolder(t);
  const files = await certificate(folder);
  const other = await certificate(folder, 'other');
  const broken = join(folder, 'broken.pem');
  await writeFile(broken, '-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n');
  const start = (tls: TlsFiles) =>
    new HttpListener({
      listen: { host: '127.0.0.1', port: 0 },
      tls,
      trustedProxies: [],
      routes: [],
      meter: noMeter,
      log: noLog,
    }).start();
  const missing = join(folder, 'missing.pem');
  const cases = [
    [{ ...files, key: missing }, `web.tls.key: ${missing} cannot be read (ENOENT)`],
    [{ ...files, cert: missing }, `web.tls.cert: ${missing} cannot be read (ENOENT)`],
    [{ ...files, key: broken }, `web.tls.key ${broken} is not a private key in PEM form without a passphrase`],
    [{ ...files, cert: broken }, `web.tls.cert ${broken} is not a certificate in PEM form`],
    [{ ...files, key: other.key }, `web.tls.key ${other.key} is not the key of web.tls.cert ${files.cert}`],
  ] as const;
  const text = await readFile(files.cert, 'utf8');
  await t.throwsAsync(start({ cert: text, key: text, names: { cert: 'a.pem', key: 'b.pem' } }), {
    message: 'web.tls.key b.pem is not a private key in PEM form without a passphrase',
  });
  for (const [tls, message] of cases) {
    const error = await t.throwsAsync(start(tls), { name: 'StartError', message });
    t.is((error as { exitCode?: number }).exitCode, 78);
  }
});
