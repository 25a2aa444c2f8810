import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinFile } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import type { Bytes } from '../../src/core/bytes.js';
import { collect } from '../../src/core/bytes.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { isVfsError } from '../../src/core/errors.js';
import { join, ROOT } from '../../src/core/path.js';
import {
  body,
  children,
  listing,
  MiB,
  path,
  pattern,
  readText,
  refused,
  sameBytes,
  write,
} from '../conformance/driver/case.js';
import { freePort } from '../servers/process.js';
import type { S3Server } from '../servers/radosgw.js';
import { s3Starters } from '../servers/s3.js';
import { faultProxy } from '../support/fault-proxy.js';
import { Bucket, listening } from './s3/bucket.js';

const starters = s3Starters();
const servers = new Map<string, S3Server>();
const buckets: Bucket[] = [];

test.before(async () => {
  for (const [name, start] of starters) servers.set(name, await start());
});
test.after.always(async () => {
  for (const bucket of buckets) await bucket.close();
  for (const server of servers.values()) await server.stop();
});

let made = 0;
async function fresh(name = 'radosgw'): Promise<Bucket> {
  const bucket = await Bucket.create(servers.get(name)!, `bucket-${made++}`);
  buckets.push(bucket);
  return bucket;
}

const a = path('/a');

for (const server of starters.keys()) {
  test.serial(
    `${server}: odd keys of another client are files; what is no path is left out and logged once`,
    async (t) => {
      const bucket = await fresh(server);
      const dir = await mkdtemp(joinFile(tmpdir(), 'isthmus-s3-'));
      t.teardown(() => rm(dir, { recursive: true, force: true }));
      const file = joinFile(dir, 'content');
      await writeFile(file, 'theirs');
      const odd = [
        'plain',
        'with space',
        'a+b',
        '100%',
        '%41',
        'ümlaut',
        '日本語 🦆',
        'quote\'"<&>',
        'back\\slash',
        'q?a=b#c',
      ];
      for (const key of [...odd, 'folder/deep/file', 'folder/x+y z'])
        await bucket.s3cmd('put', file, `s3://${bucket.name}/${key}`);
      const control = ['tab\there', 'new\nline', 'bell\u0007', 'del\u007f'];
      for (const key of control) await bucket.put(key, 'theirs');
      const bad = ['a//b', '/leading', 'dots/../x', './here', `${'n'.repeat(256)}`];
      for (const key of bad) await bucket.put(key, 'theirs');

      const { log, warnings } = listening();
      const driver = bucket.driver({}, { log });
      const names = [...odd, ...control].sort();
      t.deepEqual(await listing(driver), [...names, 'a', 'dots', 'folder'].sort());
      for (const name of names) t.is(await readText(driver, join(ROOT, name)), 'theirs', name);
      t.deepEqual(await listing(driver, path('/folder')), ['deep', 'x+y z']);
      t.deepEqual(await listing(driver, path('/a')), []);
      t.deepEqual(await listing(driver, path('/dots')), []);
      await listing(driver);
      await listing(driver, path('/a'));
      t.is(warnings.length, bad.length, JSON.stringify(warnings));

      await write(driver, path('/ours of +% 日本'), 'ours');
      const seen = await bucket.s3cmd('ls', `s3://${bucket.name}/ours`);
      t.true(seen.includes(`s3://${bucket.name}/ours of +% 日本`), seen);
      for (const name of names) await driver.unlink(join(ROOT, name));
      t.deepEqual(await listing(driver), ['a', 'dots', 'folder', 'ours of +% 日本'].sort());
    },
  );

  test.serial(`${server}: a folder that others made by a key alone stays when its last child goes`, async (t) => {
    const bucket = await fresh(server);
    const driver = bucket.driver();
    await bucket.put('theirs/deep/one', '1');
    await bucket.put('theirs/deep/two', '2');
    await bucket.put('moved/only', '3');
    t.is((await driver.stat(path('/theirs'))).kind, 'directory');
    await refused(t, driver.unlink(path('/theirs/deep')), 'EISDIR');
    await refused(t, driver.rmdir(path('/theirs')), 'ENOTEMPTY');
    await Promise.all(['one', 'two'].map((name) => driver.unlink(path(`/theirs/deep/${name}`))));
    t.deepEqual(await listing(driver, path('/theirs/deep')), []);
    await driver.rmdir(path('/theirs/deep'));
    t.deepEqual(await listing(driver, path('/theirs')), []);
    await driver.rename(path('/moved/only'), a);
    t.deepEqual(await listing(driver), ['a', 'moved', 'theirs']);
    await driver.rmdir(path('/theirs'));
    t.deepEqual(await listing(driver), ['a', 'moved']);
  });

  test.serial(`${server}: a file wins over a folder of its name`, async (t) => {
    const bucket = await fresh(server);
    for (const key of ['x', 'x-1', 'x.txt', 'x/below', 'y/below']) await bucket.put(key, key);
    const { log, warnings } = listening();
    const driver = bucket.driver({}, { log });
    t.deepEqual(await listing(driver), ['x', 'x-1', 'x.txt', 'y']);
    t.is((await driver.stat(path('/x'))).kind, 'file');
    await refused(t, children(driver, path('/x')), 'ENOTDIR');
    await refused(t, driver.rmdir(path('/x')), 'ENOTDIR');
    await write(driver, path('/x'), 'replaced');
    t.is(await readText(driver, path('/x')), 'replaced');
    await listing(driver);
    t.is(warnings.length, 1);
  });

  test.serial(`${server}: large copies and renames go in parts, with metadata and time`, async (t) => {
    const bucket = await fresh(server);
    const driver = bucket.driver({}, { limits: { single: 6 * MiB, part: 5 * MiB } });
    const bytes = pattern(13 * MiB + 3);
    const mtime = Date.UTC(2015, 5, 6, 7, 8, 9) + 123.456;
    await driver.put(a, body(bytes), { mtime, size: bytes.length });
    await driver.mkdir(path('/to'));
    const copied = await driver.copy(a, path('/to/copy'));
    t.is(copied.mtime, mtime);
    t.is(copied.size, bytes.length);
    await driver.rename(path('/to'), path('/moved'));
    const fresher = bucket.driver();
    t.is((await fresher.stat(path('/moved/copy'))).mtime, mtime);
    sameBytes(t, await collect(await fresher.get(path('/moved/copy'))), bytes);
    t.deepEqual(await listing(fresher), ['a', 'moved']);
    t.is((await driver.setattr(a, { mtime: 1000 })).mtime, 1000);
    sameBytes(t, await collect(await driver.get(a)), bytes);
    t.is(await bucket.uploads(), 0);
  });

  test.serial(`${server}: a new time leaves content type and metadata`, async (t) => {
    const bucket = await fresh(server);
    const headers = { 'content-type': 'text/x-odd', 'x-amz-meta-colour': 'blue  green', 'cache-control': 'max-age=60' };
    await bucket.run({ method: 'PUT', key: 'a', headers, body: Buffer.from('theirs') });
    const driver = bucket.driver();
    const mtime = 1_234_567_890_123;
    await driver.setattr(a, { mtime });
    await driver.rename(a, path('/b'));
    const got = await bucket.run({ method: 'HEAD', key: 'b' });
    t.is(got['content-type'], 'text/x-odd');
    t.regex(String(got['x-amz-meta-colour']), /^blue +green$/);
    if (server === 'radosgw') t.is(got['cache-control'], 'max-age=60');
    t.is((await bucket.driver().stat(path('/b'))).mtime, mtime);
  });

  test.serial(`${server}: an upload that fails is given up at the storage`, async (t) => {
    const bucket = await fresh(server);
    const driver = bucket.driver();
    await write(driver, a, 'old');
    const abort = new AbortController();
    const failing = async function* (fail: () => void): Bytes {
      for (let at = 0; at < 30; at++) yield pattern(MiB, at);
      fail();
      for (let at = 0; at < 30; at++) yield pattern(MiB, at);
    };
    const gone = () => {
      throw new Error('the client went away');
    };
    await refused(t, driver.put(a, failing(gone)), 'EIO');
    await refused(
      t,
      driver.put(
        a,
        failing(() => abort.abort()),
        { signal: abort.signal },
      ),
      'ECANCELED',
    );
    await refused(
      t,
      driver.put(
        a,
        failing(() => {}),
        { size: 31 * MiB },
      ),
      'EINVAL',
    );
    t.is(await bucket.uploads(), 0);
    t.is(await readText(driver, a), 'old');
  });

  test.serial(`${server}: a wrong secret or user is EAUTH`, async (t) => {
    const bucket = await fresh(server);
    await bucket.put('a', 'x');
    for (const wrong of [{ secret: 'wrong' }, { user: 'nobody' }]) {
      const driver = bucket.driver({}, wrong);
      await refused(t, driver.stat(ROOT), 'EAUTH');
      await refused(t, driver.stat(a), 'EAUTH');
      await refused(t, children(driver, ROOT), 'EAUTH');
      await refused(t, driver.get(a), 'EAUTH');
      await refused(t, write(driver, a, 'y'), 'EAUTH');
      await refused(t, driver.put(a, body(pattern(9 * MiB))), 'EAUTH');
      await refused(t, driver.unlink(a), 'EAUTH');
      await refused(t, driver.mkdir(path('/b')), 'EAUTH');
      await refused(t, driver.rename(a, path('/b')), 'EAUTH');
    }
    t.is(await readText(bucket.driver(), a), 'x');
  });

  test.serial(`${server}: a bucket that is not there is unavailable, not empty`, async (t) => {
    const bucket = new Bucket(servers.get(server)!, 'no-such-bucket');
    buckets.push(bucket);
    await everyCallIs(t, bucket, 'EUNAVAILABLE');
  });
}

async function everyCallIs(t: Parameters<typeof refused>[0], bucket: Bucket, code: ErrorCode): Promise<void> {
  const driver = bucket.driver();
  await refused(t, driver.stat(ROOT), code);
  await refused(t, driver.stat(a), code);
  await refused(t, driver.stat(path('/deep/down/x')), code);
  await refused(t, children(driver, ROOT), code);
  await refused(t, children(driver, a), code);
  await refused(t, driver.get(a), code);
  await refused(t, write(driver, a, 'y'), code);
  await refused(t, write(driver, path('/deep/x'), 'y'), code);
  await refused(t, driver.put(a, body(pattern(9 * MiB))), code);
  await refused(t, driver.mkdir(a), code);
  await refused(t, driver.unlink(a), code);
  await refused(t, driver.rmdir(a), code);
  await refused(t, driver.rename(a, path('/b')), code);
  await refused(t, driver.copy(a, path('/b')), code);
  await refused(t, driver.setattr(a, { mtime: 0 }), code);
  await refused(t, driver.purge(0), code);
}

/** Where the server makes no difference, one is enough. */
const onCeph = starters.has('radosgw') ? test.serial : test.serial.skip;

onCeph('a server that is down is unavailable', async (t) => {
  const server = { ...servers.get('radosgw')!, endpoint: `http://127.0.0.1:${await freePort()}` };
  const bucket = new Bucket(server, 'bucket');
  buckets.push(bucket);
  await everyCallIs(t, bucket, 'EUNAVAILABLE');
});

onCeph('a connection cut in the middle of a put: parts are sent again, or the old content stays', async (t) => {
  const bucket = await fresh();
  const link = await faultProxy({ port: bucket.server.port });
  t.teardown(() => link.close());
  const driver = bucket.driver({ endpoint: `http://127.0.0.1:${link.port}` });
  const direct = bucket.driver();
  await write(direct, a, 'old');
  const bytes = pattern(40 * MiB);
  const cutting = async function* (cut: () => void): Bytes {
    yield* body(bytes.subarray(0, 20 * MiB), MiB);
    cut();
    yield* body(bytes.subarray(20 * MiB), MiB);
  };
  await driver.put(
    path('/once'),
    cutting(() => link.cut()),
  );
  sameBytes(t, await collect(await direct.get(path('/once'))), bytes);

  const lost = () => {
    link.faults.refuse = true;
    link.cut();
  };
  await refused(t, driver.put(a, cutting(lost)), 'EUNAVAILABLE');
  t.is(await readText(direct, a), 'old');
  link.faults.refuse = false;
  // The server could not be told either; what lies there is found and given up later.
  t.is(await driver.purge(Date.now() - 3_600_000), 0);
  t.is(await driver.purge(Date.now() + 3_600_000), 1);
  t.is(await bucket.uploads(), 0);
  // A put of one request that loses its connection in the middle, again and again.
  link.faults.cutUploadAfter = MiB;
  await refused(t, driver.put(a, body(pattern(6 * MiB))), 'EUNAVAILABLE');
  t.is(await readText(direct, a), 'old');
});

onCeph('a connection cut in the middle of a get is EIO, and the next get is whole', async (t) => {
  const bucket = await fresh();
  const link = await faultProxy({ port: bucket.server.port });
  t.teardown(() => link.close());
  const driver = bucket.driver({ endpoint: `http://127.0.0.1:${link.port}` });
  const bytes = pattern(20 * MiB);
  await driver.put(a, body(bytes));
  link.cut();
  link.faults.cutAfter = 5 * MiB;
  let got = 0;
  await refused(
    t,
    async () => {
      for await (const chunk of await driver.get(a)) got += chunk.length;
    },
    'EIO',
  );
  t.true(got > 0 && got < bytes.length);
  link.faults.cutAfter = undefined;
  sameBytes(t, await collect(await driver.get(a)), bytes);
});

onCeph('a signal ends every call at a server that has fallen silent', async (t) => {
  const bucket = await fresh();
  const link = await faultProxy({ port: bucket.server.port, stall: true });
  t.teardown(() => link.close());
  const driver = bucket.driver({ endpoint: `http://127.0.0.1:${link.port}` });
  const calls = (signal: AbortSignal): Promise<unknown>[] => [
    driver.stat(a, { signal }),
    driver.get(a, { signal }),
    driver.list(ROOT, { signal })[Symbol.asyncIterator]().next(),
    driver.put(a, body(pattern(10)), { signal }),
    driver.unlink(a, { signal }),
    driver.rename(a, path('/b'), { signal }),
  ];
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  await Promise.all(calls(abort.signal).map((call) => refused(t, call, 'ECANCELED')));
});

onCeph('a signal that fires between the opening of a content and its first byte', async (t) => {
  const bucket = await fresh();
  const driver = bucket.driver();
  await driver.put(a, body(pattern(12 * MiB)));
  const abort = new AbortController();
  const content = await driver.get(a, { signal: abort.signal });
  abort.abort();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await refused(t, collect(content), 'ECANCELED');
  t.is((await collect(await driver.get(a))).length, 12 * MiB);
});

onCeph('many slow readers do not keep others from working', async (t) => {
  const bucket = await fresh();
  const driver = bucket.driver({ connections: 4 });
  await driver.put(a, body(pattern(12 * MiB)));
  const readers = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const reader = (await driver.get(a))[Symbol.asyncIterator]();
      await reader.next();
      return reader;
    }),
  );
  await write(driver, path('/b'), 'still');
  t.deepEqual(await listing(driver), ['a', 'b']);
  for (const reader of readers) await reader.return?.();
  t.is(await readText(driver, path('/b')), 'still');
});

onCeph('Ceph decides itself who creates: one of eight drivers', async (t) => {
  const bucket = await fresh();
  const drivers = Array.from({ length: 8 }, () => bucket.driver());
  for (let round = 0; round < 5; round++) {
    const where = path(`/round ${round}`);
    const puts = drivers.map((driver, at) => driver.put(where, body(Buffer.from(`${at}`)), { ifNoneMatch: '*' }));
    const results = await Promise.allSettled(puts);
    for (const result of results) {
      if (result.status === 'rejected') t.true(isVfsError(result.reason, 'EPRECONDITION'), `${result.reason}`);
    }
    const winners = results.flatMap((result, at) => (result.status === 'fulfilled' ? [at] : []));
    t.is(winners.length, 1);
    t.is(await readText(drivers[0]!, where), `${winners[0]}`);
  }
});

onCeph('rclone reads our times and we read those of rclone', async (t) => {
  const bucket = await fresh();
  const driver = bucket.driver();
  const dir = await mkdtemp(joinFile(tmpdir(), 'isthmus-s3-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const mtime = Date.UTC(2019, 3, 4, 5, 6, 7) + 890;
  await driver.put(a, body(Buffer.from('ours')), { mtime });
  const [seen] = JSON.parse(await bucket.rclone('lsjson', `r:${bucket.name}`)) as { ModTime: string }[];
  t.is(Date.parse(seen!.ModTime), mtime);
  await bucket.rclone('copyto', `r:${bucket.name}/a`, joinFile(dir, 'a'));
  await bucket.rclone('copyto', joinFile(dir, 'a'), `r:${bucket.name}/b`, '--s3-no-check-bucket');
  t.is((await driver.stat(path('/b'))).mtime, mtime);
});

onCeph('a clock that is wrong by hours is noticed and made up for', async (t) => {
  const bucket = await fresh();
  await bucket.put('a', 'x');
  const driver = bucket.driver();
  const now = Date.now;
  Date.now = () => now() + 5 * 3_600_000;
  try {
    t.is(await readText(driver, a), 'x');
    t.is((await driver.stat(a)).size, 1);
    await write(driver, path('/b'), 'y');
  } finally {
    Date.now = now;
  }
});

onCeph('a gigabyte each way needs little memory', async (t) => {
  const bucket = await fresh();
  const { endpoint, accessKey, secretKey } = bucket.server;
  const script = fileURLToPath(new URL('./s3/big-transfer.js', import.meta.url));
  const env = { ...process.env, ENDPOINT: endpoint, BUCKET: bucket.name, ACCESS_KEY: accessKey, SECRET_KEY: secretKey };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env, timeout: 240_000 });
  const { put, get, same } = JSON.parse(stdout) as { put: number; get: number; same: boolean };
  t.log(`resident memory rose by ${Math.round(put / MiB)} MiB for the put, ${Math.round(get / MiB)} MiB for the get`);
  t.true(same);
  t.true(put < 100 * MiB && get < 100 * MiB, stdout);
});
