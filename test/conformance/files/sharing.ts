import { type FilesCase, noise, randomFrom } from './client.js';

/** Several handles on one file, and handles that outlive their name (POSIX). */
export const sharing: readonly FilesCase[] = [
  {
    name: 'two handles see each other at once',
    needs: ['shared'],
    async run({ t, client }) {
      const writer = await client.open('/f', { write: true, create: true });
      await writer.write(0, Buffer.from('first'));
      const reader = await client.open('/f', { read: true });
      t.is((await reader.read(0, 100)).toString(), 'first');
      await writer.write(5, Buffer.from(' second'));
      t.is((await reader.stat()).size, 12);
      t.is((await reader.read(0, 100)).toString(), 'first second');
      await writer.truncate(3);
      t.is((await reader.stat()).size, 3);
      t.is((await reader.read(0, 100)).toString(), 'fir');
      await reader.close();
      await writer.close();
    },
  },
  {
    name: 'a file is there before it is closed',
    needs: ['shared'],
    async run({ t, client }) {
      const file = await client.open('/new', { write: true, create: true });
      await file.write(0, noise(10_000));
      t.is((await client.stat('/new')).size, 10_000);
      t.deepEqual(await client.list('/'), ['new']);
      await file.close();
      t.deepEqual(await client.list('/'), ['new']);
    },
  },
  {
    name: 'an unlinked file is read and written on',
    needs: ['shared'],
    async run({ t, client, fails, put }) {
      await put('/f', 'still here');
      const file = await client.open('/f', { read: true, write: true });
      await client.unlink('/f');
      await fails(client.stat('/f'), 'ENOENT');
      t.deepEqual(await client.list('/'), []);
      t.is((await file.read(0, 100)).toString(), 'still here');
      await file.write(6, Buffer.from('gone'));
      t.is((await file.read(0, 100)).toString(), 'still gone');
      t.is((await file.stat()).size, 10);
      await file.close();
      t.deepEqual(await client.list('/'), []);
    },
  },
  {
    name: 'a file created and unlinked while open never shows again',
    needs: ['shared'],
    async run({ t, client, fails }) {
      const file = await client.open('/tmp', { read: true, write: true, create: true });
      await client.unlink('/tmp');
      await file.write(0, Buffer.from('scratch'));
      t.is((await file.read(0, 10)).toString(), 'scratch');
      await file.sync();
      await fails(client.stat('/tmp'), 'ENOENT');
      await file.close();
      t.deepEqual(await client.list('/'), []);
    },
  },
  {
    name: 'after an unlink the name is free',
    needs: ['shared'],
    async run({ t, client, get, put }) {
      await put('/f', 'old');
      const old = await client.open('/f', { read: true });
      await client.unlink('/f');
      await put('/f', 'another');
      t.is((await old.read(0, 100)).toString(), 'old');
      t.is((await get('/f')).toString(), 'another');
      await old.close();
      t.is((await get('/f')).toString(), 'another');
    },
  },
  {
    name: 'a renamed file is read and written on',
    needs: ['shared'],
    async run({ t, client, fails, get, put }) {
      await put('/a', 'content');
      const file = await client.open('/a', { read: true, write: true });
      await client.rename('/a', '/b');
      await file.write(0, Buffer.from('C'));
      t.is((await file.read(0, 100)).toString(), 'Content');
      await file.close();
      t.is((await get('/b')).toString(), 'Content');
      await fails(client.stat('/a'), 'ENOENT');
    },
  },
  {
    name: 'renamed while being written, as editors and browsers do',
    needs: ['shared'],
    async run({ t, client, get, put }) {
      await put('/doc', 'old');
      const file = await client.open('/doc.part', { write: true, create: true });
      await file.write(0, Buffer.from('new and'));
      await client.rename('/doc.part', '/doc');
      await file.write(7, Buffer.from(' longer'));
      await file.close();
      t.is((await get('/doc')).toString(), 'new and longer');
      t.deepEqual(await client.list('/'), ['doc']);
    },
  },
  {
    name: 'who has a replaced file open keeps it',
    needs: ['shared'],
    async run({ t, client, get, put }) {
      await put('/f', 'the old one');
      await put('/g', 'the new');
      const old = await client.open('/f', { read: true });
      t.is((await old.read(0, 4)).toString(), 'the ');
      await client.rename('/g', '/f');
      t.is((await old.read(0, 100)).toString(), 'the old one');
      t.is((await get('/f')).toString(), 'the new');
      await old.close();
      t.is((await get('/f')).toString(), 'the new');
    },
  },
  {
    name: 'anything at random through two handles, as a model has it',
    needs: ['shared', 'append'],
    async run({ t, client, get }) {
      const random = randomFrom(20261123);
      const below = (limit: number) => Math.floor(random() * limit);
      const limit = 300_000;
      let model = Buffer.alloc(0);
      const resized = (size: number) =>
        Buffer.concat([model.subarray(0, size), Buffer.alloc(Math.max(0, size - model.length))]);
      const open = () => client.open('/f', { read: true, write: true, create: true });
      const handles = [await open(), await open()];
      for (let step = 0; step < 250; step++) {
        const which = below(2);
        const handle = handles[which]!;
        const act = below(10);
        const at = below(limit);
        if (act < 3) {
          const bytes = Buffer.alloc(1 + below(40_000), below(256));
          await handle.write(at, bytes);
          model = resized(Math.max(model.length, at + bytes.length));
          bytes.copy(model, at);
        } else if (act < 5) {
          const length = 1 + below(60_000);
          t.true((await handle.read(at, length)).equals(model.subarray(at, at + length)), `read at step ${step}`);
        } else if (act === 5) {
          await (below(2) === 0 ? handle.truncate(at) : client.truncate('/f', at));
          model = resized(at);
        } else if (act === 6) {
          const appending = await client.open('/f', { write: true, append: true });
          const bytes = noise(1 + below(5000), step + 1);
          await appending.write(0, bytes);
          await appending.close();
          model = Buffer.concat([model, bytes]);
        } else if (act === 7) {
          await handle.sync();
        } else if (act === 8) {
          await handle.close();
          handles[which] = await open();
        } else {
          await client.rename('/f', '/g');
          await client.rename('/g', '/f');
        }
        t.is((await client.stat('/f')).size, model.length, `size after step ${step}, act ${act}`);
      }
      for (const handle of handles) await handle.close();
      t.true((await get('/f')).equals(model));
    },
  },
  {
    name: 'a folder renamed above an open file',
    needs: ['shared'],
    async run({ t, client, get }) {
      await client.mkdir('/a');
      const file = await client.open('/a/f', { write: true, create: true });
      await file.write(0, Buffer.from('one '));
      await client.rename('/a', '/b');
      await file.write(4, Buffer.from('two'));
      await file.close();
      t.is((await get('/b/f')).toString(), 'one two');
      t.deepEqual(await client.list('/'), ['b']);
    },
  },
];
