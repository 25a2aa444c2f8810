import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import * as v from 'valibot';
import { localKind } from '../../mounts/local/kind.js';
import { isVfsError } from '../../src/core/errors.js';
import { type Logger, noLog } from '../../src/core/log.js';
import { join as joinPath, type Path, ROOT } from '../../src/core/path.js';
import {
  body,
  children,
  leaves,
  listing,
  MiB,
  path,
  pattern,
  read,
  readText,
  refused,
  sameBytes,
  text,
  write,
} from '../conformance/driver/case.js';
import { asRoot, openDescriptors, place } from './local-folder.js';

const [a, b] = [path('/a'), path('/b')];

test('options: a path, and nothing unknown', (t) => {
  t.deepEqual(v.parse(localKind.options, { path: '/srv' }), { path: '/srv', create: false });
  for (const wrong of [{}, { path: '' }, { path: 1 }, { path: '/a', root: '/b' }, { path: '/a\0b' }]) {
    t.false(v.safeParse(localKind.options, wrong).success);
  }
});

test('pipes, sockets and devices are left out, refused, and nobody waits for them', async (t) => {
  const { driver, root } = place(t);
  execFileSync('mkfifo', [join(root, 'pipe')]);
  const server = createServer().listen(join(root, 'socket'));
  t.teardown(() => server.close());
  if (asRoot) execFileSync('mknod', [join(root, 'null'), 'c', '1', '3']);
  await write(driver, a, 'x');
  t.deepEqual(await listing(driver), ['a']);
  for (const name of asRoot ? ['pipe', 'socket', 'null'] : ['pipe', 'socket']) {
    const where = joinPath(ROOT, name);
    await refused(t, driver.stat(where), 'EPERM');
    await refused(t, driver.get(where), 'EPERM');
    await refused(t, driver.open(where), 'EPERM');
    await refused(t, driver.put(where, text('x')), 'EPERM');
    await refused(t, driver.copy(where, b), 'EPERM');
    await refused(t, driver.copy(a, where), 'EPERM');
    await refused(t, driver.setattr(where, { mode: 0o777 }), 'EPERM');
    await refused(t, driver.mkdir(where), 'EEXIST');
  }
});

test('names that are not UTF-8 are left out, and the log is told once for each listing', async (t) => {
  const told: object[] = [];
  const log: Logger = { ...noLog, warn: (fields) => told.push(fields) };
  const { driver, root } = place(t, { log });
  for (const last of [0xff, 0xfe, 0xc0])
    writeFileSync(Buffer.concat([Buffer.from(`${root}/bad`), Buffer.from([last])]), 'x');
  writeFileSync(join(root, 'bad\ufffd'), 'this one is fine');
  t.deepEqual(await listing(driver), ['bad\ufffd']);
  t.is(told.length, 1);
  t.is(await readText(driver, path('/bad\ufffd')), 'this one is fine');
  await refused(t, driver.rmdir(ROOT), 'EBUSY');
});

test('a file with two names: a replacement is seen under both, and open readers get ESTALE', async (t) => {
  const { driver, root } = place(t);
  for (const size of [10, 9 * MiB, 100_000]) {
    await write(driver, a, pattern(4 * MiB, 1));
    if (!existsSync(join(root, 'b'))) await driver.link(a, b);
    const open = await driver.open(b);
    const stream = (await driver.get(b))[Symbol.asyncIterator]();
    await stream.next();
    const entry = await write(driver, a, pattern(size, 2));
    t.is(entry.links, 2);
    t.is(entry.etag, (await driver.stat(b)).etag);
    sameBytes(t, await read(driver, b), pattern(size, 2));
    await refused(t, open.read(0, Buffer.alloc(10)), 'ESTALE');
    await open.close();
    await refused(
      t,
      async () => {
        while (!(await stream.next()).done);
      },
      'ESTALE',
    );
    t.is(statSync(join(root, 'a')).ino, statSync(join(root, 'b')).ino);
  }
  await leaves(t, driver, ROOT, 'a', 'b');
});

test('a file with two names that is put by both at once is one of both contents, for every reader', async (t) => {
  const { driver } = place(t);
  const contents = [pattern(3 * MiB, 1), pattern(3 * MiB + 5, 2), pattern(2 * MiB, 3)];
  const known = (got: Uint8Array) => contents.some((one) => Buffer.compare(one, got) === 0);
  await write(driver, a, contents[0]!);
  await driver.link(a, b);
  let writing = true;
  const readers = [a, b].map(async (where) => {
    let whole = 0;
    while (writing || whole === 0) {
      try {
        t.true(known(await read(driver, where)), 'a mix was read');
        whole += 1;
      } catch (error) {
        t.true(isVfsError(error, 'ESTALE', 'EIO'), String(error));
      }
    }
  });
  for (let round = 0; round < 6; round++) {
    await Promise.all([
      driver.put(a, body(contents[round % 3]!)),
      driver.put(b, body(contents[(round + 1) % 3]!)),
      driver.put(a, body(contents[(round + 2) % 3]!)),
    ]);
    t.true(known(await read(driver, a)));
  }
  writing = false;
  await Promise.all(readers);
  sameBytes(t, await read(driver, a), await read(driver, b));
  t.is((await driver.stat(a)).links, 2);
  await leaves(t, driver, ROOT, 'a', 'b');
});

test('a replaced file keeps its permissions and owner, but not setuid', async (t) => {
  const { driver, root } = place(t);
  await write(driver, a, 'x');
  chmodSync(join(root, 'a'), 0o4751);
  if (asRoot) chownSync(join(root, 'a'), 1234, 5678);
  await write(driver, a, 'y');
  const stats = statSync(join(root, 'a'));
  t.is(stats.mode & 0o7777, 0o751);
  if (asRoot) t.deepEqual([stats.uid, stats.gid], [1234, 5678]);
  chmodSync(join(root, 'a'), 0o600);
  const making = await driver.replace(a, { keep: true });
  chmodSync(join(root, 'a'), 0o640);
  t.is((await making.commit()).mode, 0o640, 'what the file has at commit counts');
  await making.abort();
});

test('within one driver a condition and the change that rests on it are one step', async (t) => {
  const { driver } = place(t);
  const contend = async (condition: { ifMatch: string } | { ifNoneMatch: '*' }) => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, (_, at) => driver.put(a, text(`writer ${at}`), condition)),
    );
    t.is(results.filter((result) => result.status === 'fulfilled').length, 1);
    for (const result of results) if (result.status === 'rejected') t.true(isVfsError(result.reason, 'EPRECONDITION'));
    const winner = results.findIndex((result) => result.status === 'fulfilled');
    t.is(await readText(driver, a), `writer ${winner}`);
  };
  for (let round = 0; round < 10; round++) {
    await contend({ ifNoneMatch: '*' });
    await contend({ ifMatch: (await driver.stat(a)).etag });
    await driver.unlink(a);
  }
  await leaves(t, driver, ROOT);
});

test('between drivers that share nothing, creating and moving to a free name have one winner', async (t) => {
  const { driver, another } = place(t);
  const other = another();
  for (let round = 0; round < 20; round++) {
    const target = path(`/t${round}`);
    const both = await Promise.allSettled([
      driver.put(target, text('one'), { ifNoneMatch: '*' }),
      other.put(target, text('two'), { ifNoneMatch: '*' }),
    ]);
    t.is(both.filter((result) => result.status === 'fulfilled').length, 1);

    const move = async (kind: 'file' | 'folder') => {
      const make = (where: Path) => (kind === 'file' ? write(driver, where, 'x') : driver.mkdir(where));
      const [one, two, to] = [path(`/${kind}1-${round}`), path(`/${kind}2-${round}`), path(`/${kind}-${round}`)];
      await make(one);
      await make(two);
      const moves = await Promise.allSettled([
        driver.rename(one, to, { noReplace: true }),
        other.rename(two, to, { noReplace: true }),
      ]);
      t.is(moves.filter((result) => result.status === 'fulfilled').length, 1);
      const lost = moves[0].status === 'rejected' ? one : two;
      await driver.stat(lost);
      await refused(t, driver.stat(lost === one ? two : one), 'ENOENT');
    };
    await move('file');
    await move('folder');
  }
  t.is(await driver.purge(Date.now() + 60_000), 0);
});

test('a path as long as one may be', async (t) => {
  const { driver } = place(t);
  let where: Path = ROOT;
  for (let depth = 0; depth < 15; depth++) {
    where = joinPath(where, `${depth}`.padEnd(255, 'x'));
    await driver.mkdir(where);
  }
  const file = joinPath(where, 'y'.repeat(200));
  await write(driver, file, 'far down');
  t.is(await readText(driver, file), 'far down');
  t.is((await listing(driver, where)).length, 1);
  await driver.rename(file, joinPath(where, 'z'));
  await driver.unlink(joinPath(where, 'z'));
});

test.serial('no descriptor is left open', async (t) => {
  const before = openDescriptors();
  const { driver, root } = place(t);
  for (let at = 0; at < 400; at++) {
    mkdirSync(join(root, `d${at}`));
    writeFileSync(join(root, `d${at}`, 'file'), 'x');
  }
  for (let at = 0; at < 400; at++) {
    const where = path(`/d${at}/file`);
    await readText(driver, where);
    await driver.get(where).then((stream) => stream[Symbol.asyncIterator]().return?.());
    await refused(t, driver.get(where, { start: 5 }), 'ERANGE');
    await refused(t, driver.get(path(`/d${at}`)), 'EISDIR');
    await refused(t, driver.put(where, body(pattern(10)), { size: 9 }), 'EINVAL');
    await refused(t, driver.open(path(`/d${at}/none`)), 'ENOENT');
  }
  t.true(openDescriptors() - before < 300, 'folders are kept, up to a number');
  const streams = await Promise.all([driver.get(path('/d1/file')), driver.open(path('/d2/file'))]);
  await driver.replace(a);
  await driver.close();
  t.is(streams.length, 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.true(openDescriptors() - before <= 2, `${openDescriptors()} descriptors, ${before} before`);
  t.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.')),
    [],
    'close removes what is unfinished',
  );
  t.is(readFileSync(join(root, 'd1/file'), 'utf8'), 'x');
  t.is((await children(place(t).driver)).length, 0);
});
