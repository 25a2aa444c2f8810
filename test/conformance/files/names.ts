import type { FilesCase } from './client.js';

/** Names, folders and how they move. */
export const names: readonly FilesCase[] = [
  {
    name: 'what is not there is ENOENT',
    async run({ client, fails }) {
      await fails(client.stat('/nothing'), 'ENOENT');
      await fails(client.open('/nothing', { read: true }), 'ENOENT');
      await fails(client.open('/no/parent', { write: true, create: true }), 'ENOENT');
      await fails(client.unlink('/nothing'), 'ENOENT');
      await fails(client.rmdir('/nothing'), 'ENOENT');
      await fails(client.rename('/nothing', '/f'), 'ENOENT');
      await fails(client.list('/nothing'), 'ENOENT');
      await fails(client.mkdir('/no/parent'), 'ENOENT');
    },
  },
  {
    name: 'folders: made, listed, removed when empty',
    async run({ t, client, fails, put }) {
      await client.mkdir('/d');
      t.is((await client.stat('/d')).kind, 'directory');
      await fails(client.mkdir('/d'), 'EEXIST');
      await put('/d/f', 'x');
      t.deepEqual(await client.list('/d'), ['f']);
      await fails(client.rmdir('/d'), 'ENOTEMPTY', 'EEXIST');
      await client.unlink('/d/f');
      await client.rmdir('/d');
      t.deepEqual(await client.list('/'), []);
    },
  },
  {
    name: 'a file is no folder and a folder no file',
    async run({ client, fails, put }) {
      await put('/f', 'x');
      await client.mkdir('/d');
      await fails(client.open('/d', { write: true }), 'EISDIR');
      await fails(client.unlink('/d'), 'EISDIR', 'EPERM');
      await fails(client.rmdir('/f'), 'ENOTDIR');
      await fails(client.list('/f'), 'ENOTDIR');
      await fails(client.stat('/f/below'), 'ENOTDIR', 'ENOENT');
      await fails(client.mkdir('/f'), 'EEXIST');
    },
  },
  {
    name: 'rename moves and replaces files',
    async run({ t, client, fails, get, put }) {
      await put('/a', 'A');
      await put('/b', 'B');
      await client.mkdir('/d');
      await client.rename('/a', '/d/c');
      await fails(client.stat('/a'), 'ENOENT');
      t.is((await get('/d/c')).toString(), 'A');
      await client.rename('/d/c', '/b');
      t.is((await get('/b')).toString(), 'A');
      t.deepEqual((await client.list('/')).sort(), ['b', 'd']);
      await client.rename('/b', '/b');
      t.is((await get('/b')).toString(), 'A');
    },
  },
  {
    name: 'rename of folders',
    async run({ t, client, fails, get, put }) {
      await client.mkdir('/a');
      await client.mkdir('/a/sub');
      await put('/a/sub/f', 'deep');
      await client.mkdir('/empty');
      await client.mkdir('/full');
      await put('/full/x', 'x');
      await fails(client.rename('/a', '/a/sub/in'), 'EINVAL');
      await fails(client.rename('/a', '/full'), 'ENOTEMPTY', 'EEXIST');
      await client.rename('/a', '/empty');
      t.is((await get('/empty/sub/f')).toString(), 'deep');
      await fails(client.stat('/a'), 'ENOENT');
      await put('/file', 'f');
      await fails(client.rename('/empty', '/file'), 'ENOTDIR');
      await fails(client.rename('/file', '/empty'), 'EISDIR', 'EEXIST', 'ENOTEMPTY');
    },
  },
  {
    name: 'names with every odd character',
    async run({ t, client, get, put }) {
      const odd = [
        ' ',
        'a b',
        "it's",
        '"',
        '%2F',
        '#?&',
        '\\',
        '*',
        '-rf',
        '.hidden',
        '…',
        '日本語',
        'e\u0301',
        '\u00e9',
        '🙂',
        '\t',
        '\n',
      ];
      for (const name of odd) await put(`/${name}`, name);
      t.deepEqual((await client.list('/')).sort(), [...odd].sort());
      for (const name of odd) t.is((await get(`/${name}`)).toString(), name);
    },
  },
  {
    name: 'a name of 255 bytes, and one too long',
    async run({ t, client, fails, get, put }) {
      const name = 'x'.repeat(255);
      await put(`/${name}`, 'long');
      t.is((await get(`/${name}`)).toString(), 'long');
      await fails(client.open(`/${name}y`, { write: true, create: true }), 'ENAMETOOLONG');
      await fails(client.mkdir(`/${'é'.repeat(128)}`), 'ENAMETOOLONG');
    },
  },
  {
    name: 'a thousand names, each once',
    async run({ t, client }) {
      await client.mkdir('/many');
      const expected = Array.from({ length: 1000 }, (_, i) => `file-${String(i).padStart(4, '0')}`);
      for (let i = 0; i < expected.length; i += 20) {
        await Promise.all(
          expected.slice(i, i + 20).map(async (name) => {
            await (await client.open(`/many/${name}`, { write: true, create: true })).close();
          }),
        );
      }
      t.deepEqual((await client.list('/many')).sort(), expected);
    },
  },
];
