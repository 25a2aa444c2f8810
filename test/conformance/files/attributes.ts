import type { FilesCase } from './client.js';

/** Times, permissions, links. */
export const attributes: readonly FilesCase[] = [
  {
    name: 'modification times are kept as set',
    needs: ['times'],
    async run({ t, client, put, timeStep }) {
      await put('/f', 'x');
      for (const mtime of [Date.UTC(2001, 1, 3, 4, 5, 6) + 789.125, 1_000, Date.UTC(2038, 5, 1)]) {
        await client.setTimes('/f', mtime);
        t.true(Math.abs((await client.stat('/f')).mtime - mtime) <= timeStep, String(mtime));
      }
    },
  },
  {
    name: 'writing makes a file new',
    async run({ t, client, put }) {
      const before = Date.now() - 5000;
      await put('/f', 'x');
      const { mtime } = await client.stat('/f');
      t.true(mtime >= before && mtime <= Date.now() + 5000, String(mtime));
    },
  },
  {
    name: 'chmod',
    needs: ['permissions'],
    async run({ t, client, get, put }) {
      await put('/f', 'x');
      for (const mode of [0o600, 0o644, 0o755, 0o444, 0o640]) {
        await client.chmod('/f', mode);
        t.is((await client.stat('/f')).mode, mode);
      }
      t.is((await get('/f')).toString(), 'x');
      await client.mkdir('/d');
      await client.chmod('/d', 0o700);
      t.is((await client.stat('/d')).mode, 0o700);
    },
  },
  {
    name: 'permissions survive a new content',
    needs: ['permissions'],
    async run({ t, client, put }) {
      await put('/f', 'x');
      await client.chmod('/f', 0o600);
      await put('/f', 'another');
      t.is((await client.stat('/f')).mode, 0o600);
    },
  },
  {
    name: 'symbolic links',
    needs: ['symlinks'],
    async run({ t, client, fails, put }) {
      await put('/f', 'target');
      await client.symlink('/s', 'f');
      t.is(await client.readlink('/s'), 'f');
      t.is((await client.stat('/s')).kind, 'symlink');
      await client.symlink('/dangling', '/nowhere/at/all');
      t.is(await client.readlink('/dangling'), '/nowhere/at/all');
      await fails(client.symlink('/s', 'again'), 'EEXIST');
      await client.rename('/s', '/s2');
      await client.unlink('/s2');
      await client.unlink('/dangling');
      t.deepEqual(await client.list('/'), ['f']);
    },
  },
  {
    name: 'hard links are one file',
    needs: ['hardLinks'],
    async run({ t, client, fails, get, put }) {
      await put('/a', 'content');
      await client.link('/a', '/b');
      t.is((await get('/b')).toString(), 'content');
      t.is((await client.stat('/a')).links, 2);
      t.is((await client.stat('/b')).links, 2);
      await fails(client.link('/a', '/b'), 'EEXIST');
      await client.unlink('/a');
      t.is((await get('/b')).toString(), 'content');
      t.is((await client.stat('/b')).links, 1);
    },
  },
  {
    name: 'a node keeps its number through a rename, and hard links share it',
    needs: ['nodes', 'hardLinks'],
    async run({ t, client, put }) {
      await put('/a', 'content');
      const { node } = await client.stat('/a');
      await client.rename('/a', '/b');
      t.is((await client.stat('/b')).node, node);
      await client.link('/b', '/c');
      t.is((await client.stat('/c')).node, node);
    },
  },
  {
    name: 'room at the storage',
    needs: ['space'],
    async run({ t, client }) {
      const { total, free } = await client.statfs('/');
      t.true(total > 0 && free > 0 && free <= total);
    },
  },
];
