import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import * as v from 'valibot';
import { S3Driver } from '../../mounts/s3/driver.js';
import { decodeListed, encode, encodeKey, encodeQuery } from '../../mounts/s3/encoding.js';
import { s3Kind } from '../../mounts/s3/index.js';
import { s3Options } from '../../mounts/s3/options.js';
import { type Part, partsOf, planParts } from '../../mounts/s3/parts.js';
import { EMPTY_SHA256, Signer, sha256 } from '../../mounts/s3/signing.js';
import { parseXml } from '../../mounts/s3/xml.js';
import { isVfsError } from '../../src/core/errors.js';
import { noLog } from '../../src/core/log.js';
import { ROOT } from '../../src/core/path.js';
import { Secret } from '../../src/core/secret.js';
import { body, children, MiB, path, pattern, refused, sameBytes, write } from '../conformance/driver/case.js';

const a = path('/a');
const where = { op: 'put', path: a };

/** The examples of Amazon S3's API reference, «Signature calculations for the Authorization header». */
const host = 'examplebucket.s3.amazonaws.com';
const written = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072';
const vectors = [
  {
    name: 'GET object',
    request: {
      method: 'GET',
      path: encodeKey('/test.txt'),
      query: '',
      headers: { host, range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY_SHA256 },
    },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'PUT object',
    request: {
      method: 'PUT',
      path: encodeKey('/test$file.text'),
      query: '',
      headers: {
        host,
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': written,
      },
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'GET bucket lifecycle',
    request: {
      method: 'GET',
      path: '/',
      query: encodeQuery({ lifecycle: '' }),
      headers: { host, 'x-amz-content-sha256': EMPTY_SHA256 },
    },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'GET bucket (list objects)',
    request: {
      method: 'GET',
      path: '/',
      query: encodeQuery({ prefix: 'J', 'max-keys': '2' }),
      headers: { host, 'x-amz-content-sha256': EMPTY_SHA256 },
    },
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];
for (const { name, request, signature } of vectors) {
  test(`signs as Amazon's example: ${name}`, (t) => {
    const secret = new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY');
    const signer = new Signer('AKIAIOSFODNN7EXAMPLE', secret, 'us-east-1');
    for (let round = 0; round < 2; round++) {
      const headers = signer.sign(request, new Date('2013-05-24T00:00:00Z'));
      t.is(headers.authorization?.split('Signature=')[1], signature);
      t.is(headers['x-amz-date'], '20130524T000000Z');
    }
  });
}

test('the SHA-256 of bodies', (t) => {
  t.is(sha256(Buffer.from('Welcome to Amazon S3.')), written);
  t.is(sha256(new Uint8Array(0)), EMPTY_SHA256);
});

test('encoding leaves the unreserved characters of RFC 3986 only, and decodes again', (t) => {
  t.is(encode("AZaz09-._~ !'()*/+%ü🦆"), 'AZaz09-._~%20%21%27%28%29%2A%2F%2B%25%C3%BC%F0%9F%A6%86');
  t.is(encodeKey('a b/c+d//e'), 'a%20b/c%2Bd//e');
  t.is(decodeListed('a+b%2Bc%20d'), 'a b+c d');
  t.is(decodeListed('%ff'), undefined);
  t.is(decodeListed('100%'), undefined);
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme' }),
      (text) => decodeListed(encode(text)) === text && !/[^\w.~%-]/.test(encode(text)),
    ),
  );
});

test('options: defaults, and what makes no sense is refused', (t) => {
  const minimal = { endpoint: 'https://s3.example.org', bucket: 'archive' };
  t.like(v.parse(s3Options, minimal), { region: 'us-east-1', prefix: '', pathStyle: true, partSize: 8 * MiB });
  const wrong: object[] = [
    { endpoint: 'ftp://x' },
    { endpoint: 'https://user:secret@x' },
    { endpoint: 'https://x/?y=1' },
    { endpoint: 'nonsense' },
    { bucket: '' },
    { bucket: 'a/b' },
    { bucket: '..' },
    { prefix: 'a/../b' },
    { prefix: 'a//b' },
    { partSize: MiB },
    { partSize: 5.5 * MiB + 0.5 },
    { connections: 0 },
    { region: 'a/b' },
    { pathStyle: false, endpoint: 'http://127.0.0.1:8000' },
    { acl: 'public' },
  ];
  for (const one of wrong) t.false(v.safeParse(s3Kind.options, { ...minimal, ...one }).success, JSON.stringify(one));
  for (const prefix of ['a', 'a/b', 'a/b/', 'with space']) {
    t.true(v.safeParse(s3Kind.options, { ...minimal, prefix }).success, prefix);
  }
});

test('parts: any cut of any body into any chunks gives the same bytes and sums', async (t) => {
  const gather = async (chunks: readonly Uint8Array[], size: number | undefined, step: number) => {
    const parts: Part[] = [];
    const given = (async function* () {
      yield* chunks;
    })();
    const spare: Buffer[] = [];
    for await (const part of partsOf(given, () => step, size, spare, where)) {
      t.is(part.sha256, sha256(part.bytes));
      parts.push({ ...part, bytes: Buffer.from(part.bytes) });
      spare.push(part.bytes);
    }
    return parts;
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 64 }),
      fc.boolean(),
      async (chunks, step, said) => {
        const whole = Buffer.concat(chunks);
        const parts = await gather(chunks, said ? whole.length : undefined, step);
        sameBytes(t, Buffer.concat(parts.map((part) => part.bytes)), whole);
        t.is(parts.length, Math.max(1, Math.ceil(whole.length / step)));
        t.deepEqual(
          parts.map((part) => part.number),
          parts.map((_, at) => at + 1),
        );
        t.deepEqual(
          parts.map((part) => part.last),
          parts.map((_, at) => at === parts.length - 1),
        );
        t.true(parts.slice(0, -1).every((part) => part.bytes.length === step));
      },
    ),
  );
});

test('parts: known sizes fit into 10,000, unknown ones grow', (t) => {
  const step = 8 * MiB;
  t.is(planParts(step, 1)(1), step);
  for (const size of [80_000 * MiB, 80_000 * MiB + 1, 5 * 1024 * 1024 * MiB]) {
    t.true(planParts(step, size)(1) * 10_000 >= size, `${size}`);
  }
  t.is(planParts(step, undefined)(1000), step);
  t.is(planParts(step, undefined)(1001), 2 * step);
});

test('XML: bounded, without document types', (t) => {
  t.is(parseXml('<a><b>x&amp;y</b></a>').children[0]?.text, 'x&y');
  const hostile = [
    '',
    'nonsense',
    '<a>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<a>&undefined;</a>',
    '<a>'.repeat(20) + '</a>'.repeat(20),
    `<a>${'<b/>'.repeat(60_000)}</a>`,
  ];
  for (const text of hostile) t.throws(() => parseXml(text), { instanceOf: Error }, text.slice(0, 40));
});

/** A driver at a server that answers as `listener` does. */
async function at(listener: RequestListener): Promise<{ driver: S3Driver; close(): Promise<void> }> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = v.parse(s3Options, { endpoint, bucket: 'bucket' });
  const driver = new S3Driver(options, { credentials: { user: 'u', password: new Secret('p') }, log: noLog });
  return {
    driver,
    close: async () => {
      await driver.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const page = (inner: string) => `<ListBucketResult><IsTruncated>false</IsTruncated>${inner}</ListBucketResult>`;
const nobody: Readonly<Record<string, RequestListener>> = {
  'a proxy that has lost its backend and answers 404 in HTML': (_, response) => response.writeHead(404).end('<html>no'),
  'a portal that answers 200 in HTML to everything': (_, response) => response.end('<html><body>sign in'),
  'one that answers 200 with nothing': (_, response) => response.end(),
  'one that answers 500': (_, response) => response.writeHead(500).end('oops'),
  'one that answers 503 SlowDown': (_, response) =>
    response.writeHead(503).end('<Error><Code>SlowDown</Code><Message>later</Message></Error>'),
  'one that redirects': (_, response) => response.writeHead(301, { location: 'http://127.0.0.1:1/' }).end(),
  'one that closes the connection': (request) => request.socket.destroy(),
  'one that speaks no HTTP': (request) => request.socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
  'one with headers without end': (request) => request.socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}`),
};
for (const [name, listener] of Object.entries(nobody)) {
  test(`${name}: nothing is missing, nothing is empty`, async (t) => {
    const { driver, close } = await at(listener);
    t.teardown(close);
    const calls = [
      () => driver.stat(ROOT),
      () => driver.stat(a),
      () => children(driver, ROOT),
      () => children(driver, a),
      () => driver.get(a),
      () => write(driver, a, 'x'),
      () => driver.mkdir(a),
      () => driver.unlink(a),
      () => driver.rmdir(a),
      () => driver.rename(a, path('/b')),
    ];
    for (const call of calls) await refused(t, call, 'EUNAVAILABLE', 'EIO');
  });
}

const strange: Readonly<Record<string, string>> = {
  'a listing that says it goes on but not how': page('').replace('false', 'true'),
  'a listing in circles': `${page('<NextContinuationToken>x</NextContinuationToken>').replace('false', 'true')}`,
  'a listing of another folder': page('<Contents><Key>b/c</Key><Size>1</Size></Contents>'),
  'a listing too long': page(`<Contents><Key>a/${'x'.repeat(9 * MiB)}</Key></Contents>`),
  'a listing that breaks off': page('<Contents><Key>a/b</Key>').slice(0, -30),
};
for (const [name, text] of Object.entries(strange)) {
  test(`${name} is EIO`, async (t) => {
    const { driver, close } = await at((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else response.end(text);
    });
    t.teardown(close);
    await refused(t, children(driver, a), 'EIO', 'EUNAVAILABLE');
  });
}

test('a body shorter, longer or elsewhere than was asked for is EIO', async (t) => {
  const bytes = pattern(1000);
  const answers: RequestListener[] = [
    (_, response) =>
      response
        .writeHead(206, { 'content-range': 'bytes 0-99/1000', 'content-length': 100 })
        .end(bytes.subarray(0, 100)),
    (_, response) => response.writeHead(200, { 'content-length': 1000 }).end(bytes),
    (request) =>
      request.socket.end('HTTP/1.1 206 X\r\ncontent-range: bytes 10-19/1000\r\ncontent-length: 10\r\n\r\nfive.'),
    (_, response) => response.writeHead(206, { 'content-range': 'bytes 10-19/1000' }).end(bytes.subarray(10, 20)),
  ];
  for (const answer of answers) {
    const { driver, close } = await at(answer);
    const reading = async () => {
      for await (const _ of await driver.get(a, { start: 10, end: 20 }));
    };
    await refused(t, reading, 'EIO');
    await close();
  }
});

test('a stray chunk after HEAD (Swift without proxy-logging) costs a connection and nothing else', async (t) => {
  const { driver, close } = await at((request, response) => {
    if (request.method !== 'HEAD') return void response.end(page(''));
    const headers = 'content-length: 5\r\netag: "e"\r\nlast-modified: Mon, 23 Nov 2026 15:00:00 GMT\r\n';
    request.socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n0\r\n\r\n`);
  });
  t.teardown(close);
  for (let round = 0; round < 10; round++) {
    t.is((await driver.stat(a)).size, 5);
    await children(driver, ROOT);
  }
});

test('a part that the server could not take is sent again; a body in one piece too', async (t) => {
  let refusals = 0;
  const { driver, close } = await at((request, response) => {
    request.resume();
    request.on('end', () => {
      if (request.method === 'PUT' && refusals++ < 2)
        response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
      else if (request.method === 'PUT') response.writeHead(200, { etag: '"e"' }).end();
      else if (request.method === 'HEAD') response.writeHead(404).end();
      else response.end(page(''));
    });
  });
  t.teardown(close);
  t.is((await write(driver, a, 'x')).etag, 'e');
  refusals = 0;
  await refused(t, driver.put(a, body(pattern(10)), { ifNoneMatch: '*' }), 'EUNAVAILABLE');
  t.is(refusals, 1, 'a conditional put is not sent twice');
});

test('pathStyle: false puts the bucket before the host name', async (t) => {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.headers.host} ${request.url}`);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const options = v.parse(s3Options, { endpoint: `http://localhost:${port}/base`, bucket: 'bucket', pathStyle: false });
  const driver = new S3Driver(options, { credentials: {}, log: noLog });
  const error = await driver.get(a).catch((cause: unknown) => cause);
  await driver.close();
  server.close();
  // Not every resolver knows names below localhost: then the name that it was asked for is in the cause.
  if (seen.length > 0) t.is(seen[0], `bucket.localhost:${port} /base/a`);
  else t.is(((error as Error).cause as { hostname?: string }).hostname, 'bucket.localhost');
});

test('errors show no secret', async (t) => {
  const { driver, close } = await at((_, response) =>
    response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code><Message>x</Message></Error>'),
  );
  t.teardown(close);
  const error = await driver.stat(ROOT).catch((cause: unknown) => cause);
  t.true(isVfsError(error, 'EAUTH'));
  t.false(JSON.stringify([error, String(error), (error as Error).cause]).includes('Signature='));
});
