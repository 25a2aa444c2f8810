import { type FilesCase, noise } from './client.js';

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
