import { randomBytes } from 'node:crypto';
import test from 'ava';
import ssh2 from 'ssh2';
import { MemoryDriver } from '../../../mounts/memory.js';
import { collect, once } from '../../../src/core/bytes.js';
import { VfsError } from '../../../src/core/errors.js';
import { type Path, parsePath } from '../../../src/core/path.js';
import { DATA_MAX, Open, PACKET_MAX, Packet, Type } from '../../../src/frontends/sftp/codec.js';
import { Fx } from '../../../src/frontends/sftp/status.js';
import { alice } from '../../support/namespace.js';
import { RawSftp } from '../../support/raw-sftp.js';
import { recordingLog } from '../../support/recording.js';
import { PASSWORD, type SftpDoor, startDoor } from '../../support/sftp-door.js';

const CREATE = Open.WRITE | Open.CREAT | Open.TRUNC;
const named = (path: string) => (packet: Packet) => packet.string(path);

async function put(door: SftpDoor, path: string, content: Uint8Array | string): Promise<void> {
  await door.views.of(alice).write(parsePath(path), once(Buffer.from(content)));
}

async function contentOf(door: SftpDoor, path: string): Promise<string> {
  const { body } = await door.views.of(alice).read(parsePath(path));
  return (await collect(body)).toString();
}

/** Names in the home, as other front ends see them. */
async function namesIn(door: SftpDoor, path = '/'): Promise<string[]> {
  const names: string[] = [];
  for await (const page of door.views.of(alice).list(parsePath(path))) names.push(...page.map((node) => node.name));
  return names.sort();
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 150));

test('VERSION names the extensions; the end of the channel is answered with exit status 0', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  t.deepEqual(raw.extensions?.toSorted(), [
    'copy-data',
    'expand-path@openssh.com',
    'fstatvfs@openssh.com',
    'fsync@openssh.com',
    'hardlink@openssh.com',
    'limits@openssh.com',
    'lsetstat@openssh.com',
    'posix-rename@openssh.com',
    'statvfs@openssh.com',
    'users-groups-by-id@openssh.com',
  ]);
  raw.channel.end();
  t.is(await raw.closed, 0);
  raw.end();
});

test('an upload shows at CLOSE, and not before; the session that makes it sees it', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/new', CREATE);
  t.is(await raw.status(Type.WRITE, (p) => p.string(handle).uint64(0).string('content')), Fx.OK);
  t.deepEqual(await namesIn(door), []);
  const seen = await raw.ask(Type.STAT, named('/new'));
  t.is(seen.type, Type.ATTRS);
  t.is(seen.fields.attributes().size, 7);
  const folder = await raw.ask(Type.OPENDIR, named('/'));
  const listed = await raw.ask(Type.READDIR, (p) => p.string(folder.fields.string()));
  t.is(listed.fields.uint32(), 1);
  t.is(listed.fields.string().toString(), 'new');
  const again = await raw.open('/new', Open.READ);
  const data = await raw.ask(Type.READ, (p) => p.string(again).uint64(0).uint32(100));
  t.is(data.fields.string().toString(), 'content');
  t.is(await raw.status(Type.CLOSE, (p) => p.string(handle)), Fx.OK);
  t.is(await contentOf(door, '/new'), 'content');
  raw.end();
});

test('a client that goes half-way leaves the old content and nothing else', async (t) => {
  const home = new MemoryDriver();
  const door = await startDoor(t, { home });
  await put(door, '/file', 'old');
  const raw = await RawSftp.ready(door);
  const over = await raw.open('/file', CREATE);
  const fresh = await raw.open('/fresh', CREATE | Open.EXCL);
  for (const handle of [over, fresh]) {
    for (let at = 0; at < 20; at++)
      raw.send(Type.WRITE, (p) =>
        p
          .string(handle)
          .uint64(at * 1e5)
          .string(randomBytes(1e5)),
      );
  }
  for (let answers = 0; answers < 40; answers++) await raw.answer();
  raw.end();
  await raw.closed;
  await settled();
  t.is(await contentOf(door, '/file'), 'old');
  t.deepEqual(await namesIn(door), ['file']);
  t.is(await home.purge?.(Date.now() + 1000), 0, 'nothing is left to purge');
});

test('a channel that ends without CLOSE gives the file up too', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/file', CREATE);
  await raw.status(Type.WRITE, (p) => p.string(handle).uint64(0).string('half'));
  raw.channel.end();
  t.is(await raw.closed, 0);
  await settled();
  t.deepEqual(await namesIn(door), []);
  raw.end();
});

test('a CLOSE that came whole is done although nobody waits for its answer', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/file', CREATE);
  raw.send(Type.WRITE, (p) => p.string(handle).uint64(0).string('whole'));
  raw.send(Type.CLOSE, (p) => p.string(handle));
  raw.end();
  await raw.closed;
  await settled();
  t.is(await contentOf(door, '/file'), 'whole');
});

test('a write that failed keeps the file from appearing at CLOSE', async (t) => {
  const door = await startDoor(t, { home: new MemoryDriver({ capacity: 1_000_000 }) });
  await put(door, '/file', 'old');
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/file', CREATE);
  const statuses: number[] = [];
  for (let at = 0; at < 8; at++) {
    statuses.push(
      await raw.status(Type.WRITE, (p) =>
        p
          .string(handle)
          .uint64(at * 2e5)
          .string(randomBytes(2e5)),
      ),
    );
  }
  const close = await raw.status(Type.CLOSE, (p) => p.string(handle));
  t.true(statuses.includes(Fx.FAILURE) || close === Fx.FAILURE);
  t.is(close, Fx.FAILURE);
  t.is(await contentOf(door, '/file'), 'old');
  raw.end();
});

test('RENAME refuses a target that is there, posix-rename replaces it', async (t) => {
  const door = await startDoor(t);
  await put(door, '/a', 'a');
  await put(door, '/b', 'b');
  const raw = await RawSftp.ready(door);
  t.is(await raw.status(Type.RENAME, (p) => p.string('/a').string('/b')), Fx.FAILURE);
  t.is(await contentOf(door, '/b'), 'b');
  const posix = (p: Packet) => p.string('posix-rename@openssh.com').string('/a').string('/b');
  t.is(await raw.status(Type.EXTENDED, posix), Fx.OK);
  t.is(await contentOf(door, '/b'), 'a');
  t.deepEqual(await namesIn(door), ['b']);
  raw.end();
});

test('a rename between mounts copies and removes', async (t) => {
  const other = new MemoryDriver();
  const door = await startDoor(t, { mounts: [{ at: '/other', driver: other }] });
  await put(door, '/a', 'over the border');
  const raw = await RawSftp.ready(door);
  t.is(await raw.status(Type.RENAME, (p) => p.string('/a').string('/other/b')), Fx.OK);
  t.is(await contentOf(door, '/other/b'), 'over the border');
  t.deepEqual(await namesIn(door), ['other']);
  raw.end();
});

test('a file is renamed and removed while it is being written', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const moved = await raw.open('/moved', CREATE);
  raw.send(Type.WRITE, (p) => p.string(moved).uint64(0).string('first '));
  raw.send(Type.RENAME, (p) => p.string('/moved').string('/there'));
  for (let i = 0; i < 2; i++) t.is((await raw.answer()).fields.uint32(), Fx.OK);
  t.is(await raw.status(Type.WRITE, (p) => p.string(moved).uint64(6).string('second')), Fx.OK);
  t.is(await raw.status(Type.CLOSE, (p) => p.string(moved)), Fx.OK);
  t.is(await contentOf(door, '/there'), 'first second');
  const removed = await raw.open('/removed', CREATE);
  await raw.status(Type.WRITE, (p) => p.string(removed).uint64(0).string('x'));
  t.is(await raw.status(Type.REMOVE, named('/removed')), Fx.OK);
  t.is(await raw.status(Type.CLOSE, (p) => p.string(removed)), Fx.OK);
  t.deepEqual(await namesIn(door), ['there']);
  raw.end();
});

test('APPEND: the server chooses the place', async (t) => {
  const door = await startDoor(t);
  await put(door, '/log', 'one ');
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/log', Open.WRITE | Open.APPEND);
  raw.send(Type.WRITE, (p) => p.string(handle).uint64(0).string('two '));
  raw.send(Type.WRITE, (p) => p.string(handle).uint64(0).string('three'));
  await raw.answer();
  await raw.answer();
  t.is(await raw.status(Type.CLOSE, (p) => p.string(handle)), Fx.OK);
  t.is(await contentOf(door, '/log'), 'one two three');
  raw.end();
});

test('EXCL refuses what is there; a missing folder, a folder for a file, a file for a folder', async (t) => {
  const door = await startDoor(t);
  await put(door, '/file', '');
  await door.views.of(alice).mkdir(parsePath('/folder'));
  const raw = await RawSftp.ready(door);
  const open = (path: string, pflags: number) =>
    raw.status(Type.OPEN, (p) => p.string(path).uint32(pflags).attributes({}));
  t.is(await open('/file', CREATE | Open.EXCL), Fx.FAILURE);
  t.is(await open('/missing', Open.READ), Fx.NO_SUCH_FILE);
  t.is(await open('/no/such', CREATE), Fx.NO_SUCH_FILE);
  t.is(await open('/folder', Open.READ), Fx.FAILURE);
  t.is(await open('/file/below', CREATE), Fx.NO_SUCH_FILE);
  t.is(await raw.status(Type.OPENDIR, named('/file')), Fx.NO_SUCH_FILE);
  t.is(await raw.status(Type.OPENDIR, named('/missing')), Fx.NO_SUCH_FILE);
  t.is(await raw.status(Type.REMOVE, named('/folder')), Fx.FAILURE);
  t.is(await raw.status(Type.RMDIR, named('/file')), Fx.NO_SUCH_FILE);
  t.is(await raw.status(Type.RMDIR, named('/')), Fx.FAILURE);
  raw.end();
});

test('links are followed inside the view only', async (t) => {
  const door = await startDoor(t);
  const view = door.views.of(alice);
  await view.mkdir(parsePath('/folder'));
  await put(door, '/folder/file', 'content');
  const raw = await RawSftp.ready(door);
  const link = (target: string, path: string) => raw.status(Type.SYMLINK, (p) => p.string(target).string(path));
  for (const [target, path] of [
    ['folder/file', '/relative'],
    ['/folder/file', '/absolute'],
    ['../../../folder/file', '/folder/up'],
    ['folder', '/through'],
    ['loop', '/loop'],
    ['nowhere', '/dangling'],
    ['/etc/passwd', '/outside'],
  ] as const) {
    t.is(await link(target, path), Fx.OK);
  }
  const size = async (path: string) => {
    const answer = await raw.ask(Type.STAT, named(path));
    return answer.type === Type.ATTRS ? answer.fields.attributes().size : -answer.fields.uint32();
  };
  for (const path of ['/relative', '/absolute', '/folder/up', '/through/file', '/through/up'])
    t.is(await size(path), 7, path);
  t.is(await size('/loop'), -Fx.NO_SUCH_FILE);
  t.is(await size('/dangling'), -Fx.NO_SUCH_FILE);
  t.is(await size('/outside'), -Fx.NO_SUCH_FILE);
  const lstat = await raw.ask(Type.LSTAT, named('/relative'));
  t.is((lstat.fields.attributes().permissions ?? 0) & 0o170000, 0o120000);
  const read = await raw.ask(Type.READLINK, named('/through/up'));
  t.is(read.fields.uint32(), 1);
  t.is(read.fields.string().toString(), '../../../folder/file');
  const handle = await raw.open('/through/up', Open.READ);
  const data = await raw.ask(Type.READ, (p) => p.string(handle).uint64(0).uint32(10));
  t.is(data.fields.string().toString(), 'content');
  t.is(await raw.status(Type.REMOVE, named('/through')), Fx.OK, 'the link, not the folder');
  t.true((await namesIn(door)).includes('folder'));
  raw.end();
});

test('REALPATH and expand-path stay inside, whatever is asked', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const real = async (path: string | Buffer) => {
    const { fields } = await raw.ask(Type.REALPATH, (p) => p.string(path));
    return fields.uint32() === 1 ? fields.string().toString() : undefined;
  };
  t.is(await real('.'), '/');
  t.is(await real(''), '/');
  t.is(await real('a/./b//../c/'), '/a/c');
  t.is(await real('../../../etc'), '/etc');
  t.is(await real('/a/../../b'), '/b');
  t.is(await raw.status(Type.REALPATH, (p) => p.string(Buffer.from([0x2f, 0xff]))), Fx.BAD_MESSAGE);
  t.is(await raw.status(Type.STAT, (p) => p.string('/a\0b')), Fx.BAD_MESSAGE);
  t.is(await raw.status(Type.STAT, (p) => p.string(`/${'x'.repeat(300)}`)), Fx.BAD_MESSAGE);
  const expand = (path: string) => raw.ask(Type.EXTENDED, (p) => p.string('expand-path@openssh.com').string(path));
  const home = await expand('~/../x');
  t.is(home.fields.uint32(), 1);
  t.is(home.fields.string().toString(), '/x');
  t.is((await expand('~alice/y')).type, Type.NAME);
  t.is((await expand('~root')).type, Type.STATUS);
  raw.end();
});

test('a listing comes in pages of at most 100, with every name once', async (t) => {
  const door = await startDoor(t);
  const view = door.views.of(alice);
  await view.mkdir(parsePath('/many'));
  for (let i = 0; i < 250; i++) await put(door, `/many/${i}`, '');
  const raw = await RawSftp.ready(door);
  const handle = Buffer.from((await raw.ask(Type.OPENDIR, named('/many'))).fields.string());
  const sizes: number[] = [];
  const names = new Set<string>();
  for (;;) {
    const { type, fields } = await raw.ask(Type.READDIR, (p) => p.string(handle));
    const count = fields.uint32();
    if (type === Type.STATUS) {
      t.is(count, Fx.EOF);
      break;
    }
    sizes.push(count);
    for (let i = 0; i < count; i++) {
      names.add(fields.string().toString());
      t.regex(fields.string().toString(), /^-rw-r--r-- +1 alice +alice +0 \w{3} +\d+ \d\d:\d\d \d+$/);
      fields.attributes();
    }
    t.is(fields.left, 0);
  }
  t.deepEqual(sizes, [100, 100, 50]);
  t.is(names.size, 250);
  raw.end();
});

/** A storage whose listing breaks off after its first page. */
class Breaking extends MemoryDriver {
  override async *list(path: Path): AsyncGenerator<never[]> {
    yield [];
    throw new VfsError('EUNAVAILABLE', 'list', path);
  }
}

test('a listing that breaks off is a failure each time, never an end', async (t) => {
  const door = await startDoor(t, { home: new Breaking() });
  const raw = await RawSftp.ready(door);
  const { type, fields } = await raw.ask(Type.OPENDIR, named('/'));
  t.is(type, Type.HANDLE);
  const handle = Buffer.from(fields.string());
  for (let i = 0; i < 2; i++) t.is(await raw.status(Type.READDIR, (p) => p.string(handle)), Fx.FAILURE);
  raw.end();
});

/** A storage whose handles answer the first read last. */
class Reordering extends MemoryDriver {
  override async open(path: Path) {
    const file = await super.open(path);
    let reads = 0;
    return {
      entry: file.entry,
      close: () => file.close(),
      read: async (position: number, into: Uint8Array) => {
        reads += 1;
        await new Promise((resolve) => setTimeout(resolve, 60 - reads * 10));
        return await file.read(position, into);
      },
    };
  }
}

test('READs are answered in the order in which they came, though the storage answers in another', async (t) => {
  const door = await startDoor(t, { home: new Reordering() });
  const content = randomBytes(5 * 1000);
  await put(door, '/file', content);
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/file', Open.READ);
  const sent = [0, 1, 2, 3, 4, 5].map((i) =>
    raw.send(Type.READ, (p) =>
      p
        .string(handle)
        .uint64(i * 1000)
        .uint32(1000),
    ),
  );
  for (const [index, id] of sent.entries()) {
    const answer = await raw.answer();
    t.is(answer.id, id);
    if (index < 5) t.deepEqual(answer.fields.string(), content.subarray(index * 1000, index * 1000 + 1000));
    else t.is(answer.fields.uint32(), Fx.EOF);
  }
  raw.end();
});

test('copy-data: a whole file, a part of one, and overlapping ranges', async (t) => {
  const door = await startDoor(t);
  await put(door, '/from', '0123456789');
  const raw = await RawSftp.ready(door);
  const copy = (from: Buffer, start: number, length: number, to: Buffer, at: number) =>
    raw.status(Type.EXTENDED, (p) =>
      p.string('copy-data').string(from).uint64(start).uint64(length).string(to).uint64(at),
    );
  const from = await raw.open('/from', Open.READ);
  const whole = await raw.open('/whole', CREATE);
  t.is(await copy(from, 0, 0, whole, 0), Fx.OK);
  t.is(await raw.status(Type.CLOSE, (p) => p.string(whole)), Fx.OK);
  t.is(await contentOf(door, '/whole'), '0123456789');
  const part = await raw.open('/part', CREATE | Open.READ);
  t.is(await copy(from, 2, 3, part, 1), Fx.OK);
  t.is(await copy(part, 0, 4, part, 2), Fx.BAD_MESSAGE);
  t.is(await copy(part, 0, 4, part, 4), Fx.OK);
  t.is(await copy(from, 2 ** 53, 1, part, 0), Fx.BAD_MESSAGE);
  t.is(await raw.status(Type.CLOSE, (p) => p.string(part)), Fx.OK);
  t.is(await contentOf(door, '/part'), '\x00234\x00234');
  raw.end();
});

test('handles that are none, requests that are none, and numbers past reason are refused one by one', async (t) => {
  const door = await startDoor(t);
  await put(door, '/file', 'content');
  const raw = await RawSftp.ready(door);
  const bad = Buffer.from([0, 0, 0, 99]);
  for (const handle of [bad, Buffer.alloc(0), Buffer.alloc(256)]) {
    t.is(await raw.status(Type.READ, (p) => p.string(handle).uint64(0).uint32(1)), Fx.FAILURE);
    t.is(await raw.status(Type.WRITE, (p) => p.string(handle).uint64(0).string('x')), Fx.FAILURE);
    for (const type of [Type.CLOSE, Type.FSTAT, Type.READDIR])
      t.is(await raw.status(type, (p) => p.string(handle)), Fx.FAILURE);
    t.is(await raw.status(Type.EXTENDED, (p) => p.string('fsync@openssh.com').string(handle)), Fx.FAILURE);
  }
  const handle = await raw.open('/file', Open.READ);
  t.is(await raw.status(Type.WRITE, (p) => p.string(handle).uint64(0).string('x')), Fx.FAILURE);
  t.is(await raw.status(Type.READDIR, (p) => p.string(handle)), Fx.FAILURE);
  const huge = Buffer.alloc(8, 0xff);
  t.is(
    await raw.status(Type.READ, (p) => p.string(handle).uint32(huge.readUInt32BE()).uint32(0).uint32(1)),
    Fx.BAD_MESSAGE,
  );
  const long = await raw.ask(Type.READ, (p) => p.string(handle).uint64(0).uint32(0xffff_ffff));
  t.is(long.fields.string().toString(), 'content');
  t.is(await raw.status(Type.READ, (p) => p.string(handle).uint64(7).uint32(10)), Fx.EOF);
  t.is(await raw.status(Type.READ, (p) => p.string(handle).uint64(1e12).uint32(10)), Fx.EOF);
  for (const type of [21, 99, 150, 255]) t.is(await raw.status(type, (p) => p.string('x')), Fx.OP_UNSUPPORTED);
  for (const name of ['constructor', '__proto__', 'nobody@example.org']) {
    t.is(await raw.status(Type.EXTENDED, (p) => p.string(name)), Fx.OP_UNSUPPORTED);
  }
  t.is(await contentOf(door, '/file'), 'content');
  raw.end();
});

test('what is no SFTP ends the session, and only it', async (t) => {
  const door = await startDoor(t);
  const good = await RawSftp.ready(door);
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from([0, 0, 0, 0, 0]),
    Buffer.from([0, 0, 0, 5, Type.INIT, 0, 0, 0, 2]),
    Buffer.concat([new Packet(Type.INIT).uint32(3).end(), Buffer.from([0xff, 0xff, 0xff, 0xff, 5])]),
    Buffer.concat([new Packet(Type.INIT).uint32(3).end(), new Packet(Type.OPEN).uint32(1).uint32(0x7fffffff).end()]),
    Buffer.concat([new Packet(Type.INIT).uint32(3).end(), Buffer.alloc(4), Buffer.alloc(PACKET_MAX)]),
  ]) {
    const raw = await RawSftp.open(door);
    raw.bytes(bytes);
    t.is(await raw.closed, 1, bytes.subarray(0, 20).toString('hex'));
    raw.end();
  }
  t.is((await good.ask(Type.STAT, named('/'))).type, Type.ATTRS);
  good.end();
});

test('a client that asks for more than it takes is made to wait, and gets all of it', async (t) => {
  const door = await startDoor(t, { limits: { sessionBytes: 1 << 20 } });
  const content = randomBytes(DATA_MAX);
  await put(door, '/file', content);
  const raw = await RawSftp.ready(door);
  const handle = await raw.open('/file', Open.READ);
  raw.channel.pause();
  for (let i = 0; i < 400; i++) raw.send(Type.READ, (p) => p.string(handle).uint64(0).uint32(DATA_MAX));
  await settled();
  raw.channel.resume();
  for (let i = 0; i < 400; i++) t.true((await raw.answer()).fields.string(PACKET_MAX).equals(content));
  raw.end();
});

test('clients that vanish while they sign in, download and list do no harm', async (t) => {
  const door = await startDoor(t);
  await put(door, '/file', randomBytes(1_000_000));
  for (let round = 0; round < 10; round++) {
    const raw = await RawSftp.ready(door);
    const handle = await raw.open('/file', Open.READ);
    for (let i = 0; i < 50; i++) raw.send(Type.READ, (p) => p.string(handle).uint64(0).uint32(DATA_MAX));
    for (let i = 0; i < 50; i++) raw.send(Type.STAT, named('/file'));
    if (round % 2 === 0) await raw.answer();
    raw.end();
  }
  const verify = door.user.password.bind(door.user);
  door.user.password = async (...args) => {
    await settled();
    return verify(...args);
  };
  for (const password of [PASSWORD, 'wrong']) {
    const client = new ssh2.Client();
    client.on('error', () => {});
    client.connect({ host: '127.0.0.1', port: door.port, username: 'alice', password });
    client.once('handshake', () => setTimeout(() => client.destroy(), 50));
  }
  await settled();
  await settled();
  await settled();
  const raw = await RawSftp.ready(door);
  t.is((await raw.ask(Type.STAT, named('/file'))).type, Type.ATTRS);
  raw.end();
});

test('more handles than a session may hold are refused, and room comes back', async (t) => {
  const door = await startDoor(t);
  await put(door, '/file', '');
  const raw = await RawSftp.ready(door);
  const open = (p: Packet) => p.string('/file').uint32(Open.READ).attributes({});
  let last = Buffer.alloc(0);
  for (let i = 0; i < 1024; i++) last = Buffer.from((await raw.ask(Type.OPEN, open)).fields.string());
  t.is(await raw.status(Type.OPEN, open), Fx.FAILURE);
  t.is(await raw.status(Type.CLOSE, (p) => p.string(last)), Fx.OK);
  t.is((await raw.ask(Type.OPEN, open)).type, Type.HANDLE);
  raw.end();
});

test('stopping lets a file that is being closed be stored, and gives up the others', async (t) => {
  const door = await startDoor(t);
  const raw = await RawSftp.ready(door);
  const open = await raw.open('/open', CREATE);
  await raw.status(Type.WRITE, (p) => p.string(open).uint64(0).string('half'));
  const closing = await raw.open('/closing', CREATE);
  raw.send(Type.WRITE, (p) => p.string(closing).uint64(0).string('whole'));
  raw.send(Type.CLOSE, (p) => p.string(closing));
  await raw.answer();
  await raw.answer();
  const before = Date.now();
  await door.server.stop(Date.now() + 800);
  t.true(Date.now() - before < 5000);
  t.deepEqual(await namesIn(door), ['closing']);
});

test('changes and failures are logged with the mount that they are about', async (t) => {
  const { log, lines } = recordingLog();
  const door = await startDoor(t, { log, mounts: [{ at: '/m', driver: new MemoryDriver() }] });
  const raw = await RawSftp.ready(door);
  t.is(await raw.status(Type.MKDIR, (p) => p.string('/m/folder').uint32(0)), Fx.OK);
  t.is(await raw.status(Type.RMDIR, named('/m/missing')), Fx.NO_SUCH_FILE);
  t.is(await raw.status(Type.RMDIR, named('/missing')), Fx.NO_SUCH_FILE);
  const told = lines.filter(({ fields }) => 'operation' in fields).map(({ fields }) => fields);
  t.deepEqual(
    told.map(({ operation, mount, code }) => [operation, mount, code]),
    [
      ['mkdir', '/m', undefined],
      ['rmdir', '/m', 'ENOENT'],
      ['rmdir', '/', 'ENOENT'],
    ],
  );
  raw.end();
});
