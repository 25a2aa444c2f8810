import { type FilesCase, noise } from './client.js';

const MIB = 1 << 20;

/** Bytes: what was written is what is read, at every position. */
export const content: readonly FilesCase[] = [
  {
    name: 'a new file holds what was written',
    async run({ t, client, get, put }) {
      await put('/f', 'hello');
      t.is((await get('/f')).toString(), 'hello');
      const { kind, size } = await client.stat('/f');
      t.deepEqual({ kind, size }, { kind: 'file', size: 5 });
    },
  },
  {
    name: 'an empty file is a file',
    async run({ t, client, get, put }) {
      await put('/empty', '');
      t.is((await client.stat('/empty')).size, 0);
      t.is((await get('/empty')).length, 0);
      t.deepEqual(await client.list('/'), ['empty']);
    },
  },
  {
    name: 'some MiB in pieces of odd sizes',
    async run({ t, client, get }) {
      const bytes = noise(5 * MIB + 12345);
      const file = await client.open('/f', { write: true, create: true });
      for (let at = 0, size = 1; at < bytes.length; at += size, size = ((size * 7) % (2 * MIB)) + 1) {
        await file.write(at, bytes.subarray(at, at + size));
      }
      await file.close();
      t.true(bytes.equals(await get('/f')));
    },
  },
  {
    name: 'reads at any position',
    async run({ t, client, put }) {
      const bytes = noise(3 * MIB + 7, 2);
      await put('/f', bytes);
      const file = await client.open('/f', { read: true });
      for (const [at, length] of [
        [0, 1],
        [1, 4095],
        [4095, 2],
        [MIB - 1, 2],
        [123457, 2 * MIB],
        [3 * MIB, 7],
      ] as const) {
        t.true(bytes.subarray(at, at + length).equals(await file.read(at, length)), `${at}+${length}`);
      }
      t.is((await file.read(3 * MIB + 5, 100)).length, 2, 'cut at the end');
      t.is((await file.read(3 * MIB + 7, 10)).length, 0, 'nothing at the end');
      t.is((await file.read(9 * MIB, 10)).length, 0, 'nothing past it');
      await file.close();
    },
  },
  {
    name: 'writes in the middle keep the rest',
    async run({ t, client, get, put }) {
      const bytes = noise(2 * MIB + 99, 3);
      await put('/f', bytes);
      const file = await client.open('/f', { read: true, write: true });
      for (const at of [0, 4090, MIB - 3, 2 * MIB + 92]) {
        await file.write(at, Buffer.from('PATCHED'));
        bytes.write('PATCHED', at);
      }
      await file.close();
      t.true(bytes.equals(await get('/f')));
    },
  },
  {
    name: 'a gap reads as zeros',
    async run({ t, client, get }) {
      const file = await client.open('/f', { write: true, create: true });
      await file.write(MIB, Buffer.from('end'));
      await file.close();
      const bytes = await get('/f');
      t.is(bytes.length, MIB + 3);
      t.true(bytes.subarray(0, MIB).every((byte) => byte === 0));
      t.is(bytes.subarray(MIB).toString(), 'end');
    },
  },
  {
    name: 'pieces in any order',
    async run({ t, client, get }) {
      const bytes = noise(MIB, 4);
      const file = await client.open('/f', { write: true, create: true });
      for (let i = 15; i >= 0; i--) await file.write(i * 65536, bytes.subarray(i * 65536, (i + 1) * 65536));
      await file.close();
      t.true(bytes.equals(await get('/f')));
    },
  },
  {
    name: 'many writes at once',
    async run({ t, client, get }) {
      const bytes = noise(4 * MIB, 5);
      const file = await client.open('/f', { write: true, create: true });
      const piece = 131072;
      await Promise.all(
        Array.from({ length: bytes.length / piece }, (_, i) =>
          file.write(i * piece, bytes.subarray(i * piece, (i + 1) * piece)),
        ),
      );
      await file.close();
      t.true(bytes.equals(await get('/f')));
    },
  },
  {
    name: 'opening to truncate begins empty',
    async run({ t, client, get, put }) {
      await put('/f', 'a long old content');
      const file = await client.open('/f', { write: true, truncate: true });
      await file.write(0, Buffer.from('new'));
      await file.close();
      t.is((await get('/f')).toString(), 'new');
    },
  },
  {
    name: 'truncate both ways, by handle and by path',
    async run({ t, client, get, put }) {
      await put('/f', '0123456789');
      const file = await client.open('/f', { read: true, write: true });
      await file.truncate(4);
      t.is((await file.stat()).size, 4);
      await file.truncate(6);
      await file.close();
      t.is((await get('/f')).toString(), '0123\0\0');
      await client.truncate('/f', 2);
      t.is((await get('/f')).toString(), '01');
      await client.truncate('/f', 5);
      t.is((await get('/f')).toString(), '01\0\0\0');
      await client.truncate('/f', 0);
      t.is((await client.stat('/f')).size, 0);
    },
  },
  {
    name: 'cutting a file and growing it again brings nothing back',
    async run({ t, client, get, put }) {
      await put('/f', noise(200_000, 6));
      const file = await client.open('/f', { read: true, write: true });
      await file.truncate(70_001);
      await file.truncate(200_000);
      await file.close();
      const bytes = await get('/f');
      t.true(noise(200_000, 6).subarray(0, 70_001).equals(bytes.subarray(0, 70_001)));
      t.true(bytes.subarray(70_001).every((byte) => byte === 0));
    },
  },
  {
    name: 'create without truncate keeps what is there',
    async run({ t, client, get, put }) {
      await put('/f', 'there');
      const file = await client.open('/f', { read: true, write: true, create: true });
      await file.write(0, Buffer.from('T'));
      await file.close();
      t.is((await get('/f')).toString(), 'There');
    },
  },
  {
    name: 'exclusive creation refuses what is there',
    async run({ client, fails, put }) {
      await (await client.open('/f', { write: true, create: true, exclusive: true })).close();
      await fails(client.open('/f', { write: true, create: true, exclusive: true }), 'EEXIST');
      await put('/g', 'x');
      await fails(client.open('/g', { write: true, create: true, exclusive: true }), 'EEXIST');
    },
  },
  {
    name: 'appending goes to the end',
    needs: ['append'],
    async run({ t, client, get, put }) {
      await put('/log', 'one\n');
      for (const line of ['two\n', 'three\n']) {
        const file = await client.open('/log', { write: true, append: true });
        await file.write(0, Buffer.from(line));
        await file.close();
      }
      t.is((await get('/log')).toString(), 'one\ntwo\nthree\n');
    },
  },
  {
    name: 'sync before close, and again',
    async run({ t, client, get }) {
      const file = await client.open('/db', { read: true, write: true, create: true });
      for (let i = 0; i < 5; i++) {
        await file.write(i * 4096, Buffer.alloc(4096, 97 + i));
        await file.sync();
        t.is((await file.read(i * 4096, 1)).toString(), String.fromCharCode(97 + i));
      }
      await file.close();
      t.is((await get('/db')).length, 5 * 4096);
    },
  },
];
