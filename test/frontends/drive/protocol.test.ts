import test from 'ava';
import fc from 'fast-check';
import { direntSize, encodeDirent, encodeDirentPlus } from '../../../src/frontends/drive/protocol/directory.js';
import { encodeInit, negotiate } from '../../../src/frontends/drive/protocol/init.js';
import { HEADER_OUT, Opcode, S_IFDIR, S_IFREG } from '../../../src/frontends/drive/protocol/numbers.js';
import {
  type Attr,
  encodeAttr,
  encodeAttrOut,
  encodeEntry,
  encodeHeader,
  encodeInvalidAttributes,
  encodeInvalidEntry,
  encodeNoEntry,
  encodeOpen,
  encodeStatfs,
  encodeWritten,
  Outgoing,
} from '../../../src/frontends/drive/protocol/replies.js';
import {
  decodeBatchForget,
  decodeCreate,
  decodeForget,
  decodeGetattr,
  decodeHandle,
  decodeHeader,
  decodeInit,
  decodeLink,
  decodeMkdir,
  decodeMknod,
  decodeName,
  decodeOpen,
  decodeRead,
  decodeRename,
  decodeSetattr,
  decodeSymlink,
  decodeWrite,
  Message,
} from '../../../src/frontends/drive/protocol/requests.js';
import { answered, recorded } from './recorded.js';

/** The message, somewhere in a larger buffer as it is in the arena. */
function given(hex: string) {
  const bytes = Buffer.from(hex, 'hex');
  const m = new Message(Buffer.concat([Buffer.alloc(64, 0xff), bytes, Buffer.alloc(64, 0xff)]));
  return { m, header: decodeHeader(m, 64, bytes.length) };
}

test('header', (t) => {
  const { header } = given(recorded.write);
  t.like(header, { opcode: Opcode.WRITE, uniqueLow: 24, uniqueHigh: 0, node: 3, uid: 0, gid: 0, pid: 10022 });
  t.is(header.end - header.body, 46);
});

test('requests as the kernel wrote them', (t) => {
  const decode = <T>(hex: string, by: (m: Message, header: ReturnType<typeof decodeHeader>) => T): T => {
    const { m, header } = given(hex);
    return by(m, header);
  };
  t.is(decode(recorded.lookup, decodeName).toString(), 'nöde');
  t.is(decode(recorded.getattr, decodeGetattr), undefined);
  t.is(decode(recorded.open, decodeOpen), 0o100000);
  t.is(decode(recorded.flush, decodeHandle), 1);
  t.is(decode(recorded.release, decodeHandle), 1);
  t.is(decode(recorded.forget, decodeForget), 4);
  t.deepEqual(decode(recorded.read, decodeRead), { handle: 2, offset: 0, size: 4096 });
  t.deepEqual(decode(recorded.readdirplus, decodeRead), { handle: 1, offset: 0, size: 131072 });
  t.deepEqual(
    decode(recorded.write, (m, header) => ({
      ...decodeWrite(m, header),
      data: decodeWrite(m, header).data.toString(),
    })),
    { handle: 1, offset: 0, flags: 0o100001, data: 'hello\n' },
  );
  const named = <T extends { name: Buffer }>({ name, ...rest }: T) => ({ ...rest, name: name.toString() });
  t.deepEqual(named(decode(recorded.create, decodeCreate)), { flags: 0o101101, mode: 0o644, name: 'file' });
  t.deepEqual(named(decode(recorded.mkdir, decodeMkdir)), { mode: 0o755, name: 'dir' });
  t.deepEqual(named(decode(recorded.mknod, decodeMknod)), { mode: 0o100600, name: 'node' });
  t.deepEqual(named(decode(recorded.link, decodeLink)), { existing: 3, name: 'hard' });
  const rename = decode(recorded.rename2, (m, header) => decodeRename(m, header, true));
  t.deepEqual(
    { ...named(rename), toName: rename.toName.toString() },
    { toParent: 2, flags: 1, name: 'node', toName: 'nöde' },
  );
  const symlink = decode(recorded.symlink, decodeSymlink);
  t.deepEqual([symlink.name.toString(), symlink.target.toString()], ['link', 'dir/renamed']);
  t.deepEqual(decode(recorded.batchForget, decodeBatchForget).slice(0, 2), [
    [8, 1],
    [3, 5],
  ]);
  t.like(decode(recorded.init, decodeInit), { major: 7, minor: 45, maxReadahead: 131072 });
});

test('setattr: only what is to change', (t) => {
  const decode = (hex: string) => {
    const { m, header } = given(hex);
    return decodeSetattr(m, header);
  };
  t.deepEqual(decode(recorded['setattr times']), { atime: -1500, mtime: 1_700_000_000_123.456 });
  t.deepEqual(decode(recorded['setattr mode']), { mode: 0o640 });
  t.deepEqual(decode(recorded['setattr owner']), { uid: 5, gid: 6 });
  t.deepEqual(decode(recorded['setattr size']), { size: 3 });
  t.deepEqual(decode(recorded['setattr size by handle']), { handle: 4, size: 2 });
  t.deepEqual(decode(recorded['setattr now']), { atime: 'now', mtime: 'now' });
});

test('broken messages are refused', (t) => {
  t.throws(() => given(`${'ff000000'}${recorded.write.slice(8)}`), { code: 'EINVAL' });
  const short = Buffer.from(recorded.write, 'hex').subarray(0, -2);
  short.writeUInt32LE(short.length);
  const { m, header } = given(short.toString('hex'));
  t.throws(() => decodeWrite(m, header), { code: 'EINVAL' }, 'a payload cut short');
  const endless = Buffer.from(recorded.lookup, 'hex').subarray(0, -1);
  endless.writeUInt32LE(endless.length);
  const name = given(endless.toString('hex'));
  t.throws(() => decodeName(name.m, name.header), { code: 'EINVAL' }, 'a name without an end');
  const far = Buffer.from(recorded.read, 'hex');
  far.writeBigUInt64LE(2n ** 60n, 48);
  const offset = given(far.toString('hex'));
  t.throws(() => decodeRead(offset.m, offset.header), { code: 'EINVAL' }, 'an offset past 2^53');
});

const attr: Attr = {
  node: 3,
  size: 11,
  atime: -1500,
  mtime: 1_700_000_000_123.456,
  ctime: 1_795_451_329_899.999,
  mode: S_IFREG | 0o644,
  links: 2,
  uid: 0,
  gid: 0,
};

/** The answer's bytes, with the number that the recorded request had. */
function message(length: number, o: Outgoing, like: string): string {
  encodeHeader(o, length, 0, Buffer.from(like, 'hex').readUInt32LE(8), 0);
  return o.bytes.subarray(0, length).toString('hex');
}

test('answers as the kernel took them', (t) => {
  const o = new Outgoing(512);
  const ctime = 1_795_451_329_896;
  const attrOut = message(encodeAttrOut(o, { ...attr, ctime }, 1.5), o, answered.attr);
  t.is(attrOut.slice(0, 96), answered.attr.slice(0, 96));
  t.is(message(encodeWritten(o, 6), o, answered.written), answered.written);
  t.is(message(encodeOpen(o, HEADER_OUT, 2, 34), o, answered.open), answered.open);
  t.is(message(encodeStatfs(o, {}, 255), o, answered.statfs), answered.statfs);
  encodeNoEntry(o, HEADER_OUT, 1.5);
  t.is(message(HEADER_OUT + 128, o, answered.absent), answered.absent);
  const { m, header } = given(recorded.init);
  const agreed = negotiate(decodeInit(m, header));
  t.truthy(agreed);
  if (agreed !== undefined) t.is(message(encodeInit(o, agreed), o, answered.init), answered.init);
});

test('what is agreed', (t) => {
  const asked = { major: 7, minor: 45, maxReadahead: 131072, flags: 0xfffffffb };
  t.deepEqual([...(negotiate(asked)?.features ?? [])].sort(), [
    'ABORT_ERROR',
    'ASYNC_READ',
    'ATOMIC_O_TRUNC',
    'BIG_WRITES',
    'EXPLICIT_INVAL_DATA',
    'INIT_EXT',
    'MAX_PAGES',
    'PARALLEL_DIROPS',
    'READDIRPLUS',
    'READDIRPLUS_AUTO',
  ]);
  t.true(negotiate({ ...asked, flags: asked.flags & ~(1 << 25) })?.features.has('AUTO_INVAL_DATA'));
  t.is(negotiate({ ...asked, minor: 31 })?.minor, 31);
  t.is(negotiate({ ...asked, minor: 99 })?.minor, 45);
  t.is(negotiate({ ...asked, minor: 30 }), undefined);
  t.is(negotiate({ ...asked, major: 6 }), undefined);
});

test('an entry, read back', (t) => {
  const o = new Outgoing(512);
  encodeEntry(o, 0, { ...attr, size: 2 ** 40 + 5 }, 7, { entry: 60, attr: 0.25 });
  const { bytes } = o;
  t.is(bytes.readBigUInt64LE(0), 3n);
  t.is(bytes.readBigUInt64LE(8), 7n);
  t.is(bytes.readBigUInt64LE(16), 60n);
  t.is(bytes.readUInt32LE(36), 250_000_000);
  t.is(bytes.readBigUInt64LE(48), 2n ** 40n + 5n);
  t.is(bytes.readBigUInt64LE(56), (2n ** 40n + 5n + 511n) / 512n);
});

test('times: whole microseconds, before 1970 and far ahead', (t) => {
  const o = new Outgoing(128);
  fc.assert(
    fc.property(fc.integer({ min: -3e15, max: 2e16 }), (microseconds) => {
      encodeAttr(o, 0, { ...attr, mtime: microseconds / 1000 });
      const seconds = o.bytes.readBigInt64LE(32);
      const nanoseconds = o.bytes.readUInt32LE(52);
      t.true(nanoseconds < 1e9 && nanoseconds % 1000 === 0);
      const back = Number(seconds) * 1e6 + nanoseconds / 1000;
      // A double has 53 bits: far ahead, the last microsecond is rounded.
      return Math.abs(back - microseconds) <= (Math.abs(microseconds) > 2 ** 51 ? 4 : 1);
    }),
  );
});

test('names in a listing are padded to 8 and carry where to go on', (t) => {
  const o = new Outgoing(1024);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (name) => {
      const end = encodeDirent(o, 16, { name, node: 9, next: 3, type: S_IFDIR });
      t.is(end - 16, direntSize(name, false));
      t.is(end % 8, 0);
      const length = o.bytes.readUInt32LE(32);
      return o.bytes.toString('utf8', 40, 40 + length) === name && o.bytes.readUInt32LE(36) === 4;
    }),
  );
  const end = encodeDirentPlus(o, 0, { name: 'f', node: 9, next: 3, type: S_IFREG }, attr, 0, { entry: 1, attr: 1 });
  t.is(end, direntSize('f', true));
  t.is(o.bytes.readBigUInt64LE(0), 3n);
  encodeDirentPlus(o, 0, { name: '.', node: 9, next: 1, type: S_IFDIR }, undefined, 0, { entry: 1, attr: 1 });
  t.is(o.bytes.readBigUInt64LE(0), 0n, 'no look-up is counted');
});

test('statfs: what is not known is much and free', (t) => {
  const o = new Outgoing(128);
  const blocks = (space: { total?: number; free?: number }) => {
    encodeStatfs(o, space, 255);
    return [o.bytes.readBigUInt64LE(16), o.bytes.readBigUInt64LE(24)].map((n) => Number(n) * 4096);
  };
  t.deepEqual(blocks({ total: 2 ** 40, free: 2 ** 30 }), [2 ** 40, 2 ** 30]);
  t.deepEqual(blocks({}), [2 ** 50, 2 ** 50]);
  t.deepEqual(blocks({ total: 4096, free: 8192 }), [4096, 4096]);
});

test('notices', (t) => {
  const attributes = encodeInvalidAttributes(5);
  t.is(attributes.readUInt32LE(0), 40);
  t.is(attributes.readInt32LE(4), 2);
  t.is(attributes.readBigUInt64LE(16), 5n);
  t.is(attributes.readBigInt64LE(24), -1n, 'the pages stay');
  const entry = encodeInvalidEntry(7, 'né');
  t.is(entry.readUInt32LE(0), entry.length);
  t.is(entry.readInt32LE(4), 3);
  t.is(entry.readBigUInt64LE(16), 7n);
  t.is(entry.readUInt32LE(24), 3);
  t.is(entry.toString('utf8', 32), 'né\0');
});
