import test from 'ava';
import fc from 'fast-check';
import { BufferPool } from '../../../src/frontends/sftp/buffer-pool.js';
import {
  DATA_HEADER,
  dataPacket,
  decodeRequest,
  Fields,
  handlePacket,
  Malformed,
  Open,
  PACKET_MAX,
  Packet,
  statusPacket,
  Type,
  type WireAttributes,
} from '../../../src/frontends/sftp/codec.js';
import { PacketStream } from '../../../src/frontends/sftp/packet-stream.js';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** What of a packet follows its length and type. */
function payloadOf(packet: Buffer): Buffer {
  return packet.subarray(5);
}

test('requests as OpenSSH sends them', (t) => {
  // OPEN 3 "/a" READ, no attributes
  t.deepEqual(decodeRequest(Type.OPEN, hex('00000003 00000002 2f61 00000001 00000000')), {
    op: 'open',
    id: 3,
    path: Buffer.from('/a'),
    pflags: Open.READ,
    attrs: {},
  });
  // READ 7 handle 1, offset 2^32 + 5, length 32768
  t.deepEqual(decodeRequest(Type.READ, hex('00000007 00000004 00000001 0000000100000005 00008000')), {
    op: 'read',
    id: 7,
    handle: 1,
    offset: 2 ** 32 + 5,
    length: 32768,
  });
  t.deepEqual(decodeRequest(Type.WRITE, hex('00000008 00000004 00000002 0000000000000001 00000003 616263')), {
    op: 'write',
    id: 8,
    handle: 2,
    offset: 1,
    data: Buffer.from('abc'),
  });
  // MKDIR with permissions 0755, an extended attribute is skipped
  t.deepEqual(
    decodeRequest(Type.MKDIR, hex('00000009 00000002 2f64 80000004 000001ed 00000001 00000003 61406c 00000001 78')),
    { op: 'mkdir', id: 9, path: Buffer.from('/d'), attrs: { permissions: 0o755 } },
  );
  t.deepEqual(decodeRequest(77, hex('0000000a ffff')), { op: 'unknown', id: 10, type: 77 });
});

test('answers as the draft has them', (t) => {
  t.deepEqual(statusPacket(1, 2, 'No'), hex('00000013 65 00000001 00000002 00000002 4e6f 00000000'));
  t.deepEqual(handlePacket(2, 258), hex('0000000d 66 00000002 00000004 00000102'));
  const data = Buffer.alloc(DATA_HEADER + 10, 'x');
  t.deepEqual(dataPacket(4, data, 2), hex('0000000b 67 00000004 00000002 7878'));
});

test('a handle of another length than ours is none of ours', (t) => {
  const request = decodeRequest(Type.CLOSE, new Packet(Type.CLOSE).uint32(1).string('12345').end().subarray(5));
  t.deepEqual(request, { op: 'close', id: 1, handle: -1 });
});

test('fields that run over the packet are malformed', (t) => {
  for (const [type, bytes] of [
    [Type.OPEN, '000000'],
    [Type.OPEN, '00000001 ffffffff'],
    [Type.OPEN, '00000001 00000005 2f61'],
    [Type.READ, '00000001 00000004 00000001 00000000'],
    [Type.WRITE, '00000001 00000004 00000001 0000000000000000 7fffffff 61'],
    [Type.SETSTAT, '00000001 00000001 61 80000000 ffffffff'],
    [Type.EXTENDED, '00000001 00001000'],
  ] as const) {
    t.throws(() => decodeRequest(type, hex(bytes)), { instanceOf: Malformed }, `${type} ${bytes}`);
  }
});

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const attributes: fc.Arbitrary<WireAttributes> = fc
  .record({
    size: fc.option(fc.maxSafeNat(), { nil: undefined }),
    owner: fc.option(fc.tuple(uint32, uint32), { nil: undefined }),
    permissions: fc.option(uint32, { nil: undefined }),
    times: fc.option(fc.tuple(uint32, uint32), { nil: undefined }),
  })
  .map(({ size, owner, permissions, times }) => ({
    ...(size === undefined ? {} : { size }),
    ...(owner === undefined ? {} : { uid: owner[0], gid: owner[1] }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(times === undefined ? {} : { atime: times[0], mtime: times[1] }),
  }));

test('what is encoded is decoded again', (t) => {
  fc.assert(
    fc.property(uint32, fc.uint8Array({ maxLength: 300 }), attributes, fc.maxSafeNat(), (id, path, attrs, offset) => {
      const setstat = new Packet(Type.SETSTAT, 1).uint32(id).string(path).attributes(attrs).end();
      t.is(setstat.readUInt32BE(0), setstat.length - 4);
      t.deepEqual(decodeRequest(Type.SETSTAT, payloadOf(setstat)), {
        op: 'setstat',
        id,
        path: Buffer.from(path),
        attrs,
      });
      const write = new Packet(Type.WRITE).uint32(id).string(hex('00000005')).uint64(offset).string(path).end();
      t.deepEqual(decodeRequest(Type.WRITE, payloadOf(write)), {
        op: 'write',
        id,
        handle: 5,
        offset,
        data: Buffer.from(path),
      });
    }),
  );
});

test('no bytes do anything but decode or be malformed', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
      try {
        const request = decodeRequest(type, Buffer.from(bytes));
        if (request.op === 'extended') {
          request.body.string();
          request.body.attributes();
        }
      } catch (error) {
        t.true(error instanceof Malformed, String(error));
      }
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

test('a stream cut anywhere gives the same packets', (t) => {
  const pool = new BufferPool();
  const packet = fc
    .tuple(fc.integer({ min: 1, max: 255 }), fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 3 }))
    .map(([type, bytes, big]) => ({ type, payload: big === 0 ? Buffer.alloc(40_000, type) : Buffer.from(bytes) }));
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30_000 })), (packets, cuts) => {
      const bytes = Buffer.concat(
        packets.map(({ type, payload }) => {
          const head = Buffer.alloc(5);
          head.writeUInt32BE(payload.length + 1);
          head[4] = type;
          return Buffer.concat([head, payload]);
        }),
      );
      const stream = new PacketStream(pool);
      const seen: { type: number; payload: Buffer }[] = [];
      const drain = () => {
        for (let next = stream.next(); next !== undefined; next = stream.next()) {
          seen.push({ type: next.type, payload: Buffer.from(next.payload) });
          if (next.pooled !== undefined) pool.give(next.pooled.fill(0));
        }
      };
      let at = 0;
      for (const cut of cuts) {
        stream.push(bytes.subarray(at, at + cut));
        at += cut;
        drain();
      }
      stream.push(bytes.subarray(at));
      drain();
      t.deepEqual(seen, packets);
    }),
    { numRuns: 200 },
  );
});

test('a packet that is too long, or empty, is malformed before it is stored', (t) => {
  for (const length of [0, PACKET_MAX + 1, 0xffff_ffff]) {
    const stream = new PacketStream(new BufferPool());
    const head = Buffer.alloc(5);
    head.writeUInt32BE(length);
    stream.push(head);
    t.throws(() => stream.next(), { instanceOf: Malformed }, String(length));
  }
});

test('a 64-bit number past what is exact stays large', (t) => {
  t.true(new Fields(hex('ffffffffffffffff')).uint64() > Number.MAX_SAFE_INTEGER);
});
