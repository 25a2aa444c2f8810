import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import test from 'ava';

/*
 * The arrows between the rooms, as a table: whoever adds an import that is not in it learns here which arrow is wrong.
 * Type-only imports count: a type is knowledge too.
 */

const ROOT = process.cwd();

/** What a room may import besides itself. `root`: composition, which knows every room. */
const ARROWS: Readonly<Record<string, readonly string[] | 'everything'>> = {
  core: [],
  'mounts/driver': ['core'],
  'mounts/layers': ['core', 'mounts/driver'],
  'mounts/index': ['core', 'mounts/driver', 'mounts/*'],
  'mounts/*': ['core', 'mounts/driver'],
  config: ['core'],
  metrics: ['core'],
  jobs: ['core'],
  store: ['core'],
  auth: ['core', 'store'],
  cache: ['core', 'mounts/driver', 'store'],
  vfs: ['core', 'mounts/driver', 'cache', 'auth', 'store'],
  admin: ['core', 'vfs', 'auth', 'store'],
  'frontends/contract': ['core', 'vfs', 'auth', 'admin'],
  'frontends/*': ['core', 'vfs', 'auth', 'admin', 'frontends/contract'],
  cli: ['core', 'config'],
  federation: ['core', 'mounts/driver', 'vfs', 'auth', 'store'],
  root: 'everything',
};

/** The room a file stands in: `src/vfs/view.ts` in `vfs`, `mounts/s3/sign.ts` in `mounts/s3`. */
function roomOf(file: string): string {
  const [top, second, third] = file.split('/');
  if (top === 'federation') return 'federation';
  if (top === 'mounts') return `mounts/${second!.replace(/\.[a-z]+$/, '')}`;
  if (top !== 'src' || third === undefined) return 'root';
  if (second !== 'frontends') return second!;
  return file.split('/').length === 3 ? 'frontends/contract' : `frontends/${third}`;
}

function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  const known = (room: string) => (room in ARROWS ? room : `${room.split('/')[0]}/*`);
  const arrows = ARROWS[known(from)];
  if (arrows === 'everything') return true;
  return arrows !== undefined && (arrows.includes(to) || (arrows.includes(known(to)) && known(to) !== known(from)));
}

/** Every module a source names: static, dynamic, re-exported, type-only, and files that workers are started from. */
function importsOf(source: string): string[] {
  const code = source.replace(/^\s*\/?\*.*$/gm, '').replace(/(^|\s)\/\/.*$/gm, '');
  const patterns = [
    /(?:^|[\s;}])(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])([^'"]+)\1/g,
    /(?:^|[\s;}])import\s*(['"])([^'"]+)\1/g,
    /\bimport\s*\(\s*(['"`])([^'"`]+)\1/g,
    /\brequire(?:\.resolve)?\s*\(\s*(['"`])([^'"`]+)\1/g,
    /\bnew URL\(\s*(['"`])(\.[^'"`]+)\1,\s*import\.meta\.url/g,
  ];
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[2]!));
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mts|js|mjs)$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

function existing(folder: string): string[] {
  return readdirSync(ROOT).includes(folder) ? sources(folder) : [];
}

test('every import follows an arrow of the house', (t) => {
  const wrong: string[] = [];
  let arrows = 0;
  for (const file of ['src', 'mounts', 'federation'].flatMap(existing)) {
    for (const name of importsOf(readFileSync(join(ROOT, file), 'utf8'))) {
      if (!name.startsWith('.')) continue;
      const target = relative(ROOT, normalize(join(ROOT, dirname(file), name)));
      if (target.startsWith('..') || target === 'package.json') continue;
      arrows += 1;
      const [from, to] = [roomOf(file), roomOf(target)];
      if (!allowed(from, to)) wrong.push(`${file} imports ${target}: ${from} may not know ${to}`);
    }
  }
  t.true(arrows > 50, 'imports were found at all');
  t.deepEqual(wrong, []);
});

test('a wrong arrow is seen, however it is written', (t) => {
  const found = importsOf(`
    import type { A } from '../vfs/a.js';
    import {
      b,
    } from '../vfs/b.js';
    export { c } from '../vfs/c.js';
    export type { d } from '../vfs/d.js';
    import '../vfs/e.js';
    const f = await import('../vfs/f.js');
    const g = require('../vfs/g.js');
    new Worker(new URL('./h.js', import.meta.url));
    type I = import('../vfs/i.js').I;
    // import { z } from '../vfs/comment.js';
  `);
  t.deepEqual(found.map((name) => name.replace(/^.*\/(.)\.js$/, '$1')).toSorted(), [
    'a',
    'b',
    'c',
    'd',
    'e',
    'f',
    'g',
    'h',
    'i',
  ]);
});

test('the table means what house.md says', (t) => {
  t.true(allowed(roomOf('src/vfs/view.ts'), roomOf('mounts/driver.ts')));
  t.false(allowed(roomOf('src/vfs/view.ts'), roomOf('mounts/s3/client.ts')));
  t.false(allowed(roomOf('mounts/s3/client.ts'), roomOf('mounts/local/open.ts')));
  t.false(allowed(roomOf('mounts/s3/client.ts'), roomOf('mounts/layers/retry.ts')));
  t.true(allowed(roomOf('mounts/index.ts'), roomOf('mounts/memory.ts')));
  t.true(allowed(roomOf('src/frontends/sftp/server.ts'), roomOf('src/frontends/frontend.ts')));
  t.false(allowed(roomOf('src/frontends/sftp/server.ts'), roomOf('src/frontends/webdav/server.ts')));
  t.false(allowed(roomOf('src/config/load.ts'), roomOf('mounts/index.ts')));
  t.false(allowed(roomOf('src/core/path.ts'), roomOf('src/vfs/view.ts')));
  t.true(allowed(roomOf('src/daemon.ts'), roomOf('src/frontends/webdav/server.ts')));
});
