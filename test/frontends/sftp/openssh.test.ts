import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parsePath } from '../../../src/core/path.js';
import { alice } from '../../support/namespace.js';
import { startDoor } from '../../support/sftp-door.js';

test('sftp: put, get, list, rename, links, modes, remove', async (t) => {
  const door = await startDoor(t);
  const local = join(door.dir, 'one');
  const content = randomBytes(300_000);
  await writeFile(local, content);
  const ran = await door.sftp([
    'mkdir folder',
    `put ${local} folder/one`,
    `put -f ${local} folder/two`,
    `put -p ${local} folder/three`,
    'rename folder/two folder/second',
    'ln folder/one folder/hard',
    'ln -s one folder/soft',
    'chmod 600 folder/one',
    'cp folder/one folder/copy',
    'ls -l folder',
    `get folder/copy ${local}.copy`,
    `get folder/soft ${local}.soft`,
    'cd folder',
    'pwd',
    'cd ..',
    `get folder/../folder/hard ${local}.hard`,
    'rm folder/three',
    'mkdir folder/sub',
    'rmdir folder/sub',
  ]);
  t.is(ran.code, 0, ran.stderr);
  t.is(ran.stderr, '');
  for (const name of ['copy', 'soft', 'hard']) t.deepEqual(await readFile(`${local}.${name}`), content, name);
  t.regex(ran.stdout, /^-rw------- +\S+ alice .* 300000 .* folder\/one$/m);
  t.regex(ran.stdout, /^lrwxrwxrwx .* folder\/soft$/m);
  t.regex(ran.stdout, /Remote working directory: \/folder/);
});

test('sftp: reput goes on where an upload ended, reget likewise', async (t) => {
  const door = await startDoor(t);
  const local = join(door.dir, 'whole');
  const content = randomBytes(1_000_000);
  await writeFile(`${local}.part`, content.subarray(0, 400_000));
  await writeFile(local, content);
  const ran = await door.sftp([
    `put ${local}.part file`,
    `reput ${local} file`,
    `get file ${local}.back`,
    `reget file ${local}.part`,
  ]);
  t.is(ran.code, 0, ran.stderr);
  t.deepEqual(await readFile(`${local}.back`), content);
  t.deepEqual(await readFile(`${local}.part`), content);
});

for (const size of [0, 1, 32 * 1024 - 1, 32 * 1024, 32 * 1024 + 1, 1024 * 1024]) {
  test(`scp: ${size} bytes up and down, six times`, async (t) => {
    const door = await startDoor(t);
    const local = join(door.dir, 'file');
    const content = randomBytes(size);
    await writeFile(local, content);
    const up = await door.scp(local, ':/file');
    t.is(up.code, 0, up.stderr);
    for (let round = 0; round < 6; round++) {
      const down = await door.scp(':/file', `${local}.back`);
      t.is(down.code, 0, down.stderr);
      t.true((await readFile(`${local}.back`)).equals(content), `round ${round}`);
    }
  });
}

test('scp: 100 MiB up and down, whole each of six times (Debian 12 truncates when answers overtake)', async (t) => {
  const door = await startDoor(t);
  const local = join(door.dir, 'large');
  const content = randomBytes(100 * 1024 * 1024 + 17);
  await writeFile(local, content);
  const up = await door.scp('-p', local, ':/large');
  t.is(up.code, 0, up.stderr);
  for (let round = 0; round < 6; round++) {
    const down = await door.scp(':/large', `${local}.back`);
    t.is(down.code, 0, down.stderr);
    t.true((await readFile(`${local}.back`)).equals(content), `round ${round}`);
  }
});

test('scp -r: a folder up and down', async (t) => {
  const door = await startDoor(t);
  const folder = join(door.dir, 'tree');
  await mkdir(join(folder, 'a/b'), { recursive: true });
  await writeFile(join(folder, 'a/b/file'), 'deep');
  const up = await door.scp('-r', '-p', folder, ':/');
  t.is(up.code, 0, up.stderr);
  const down = await door.scp('-r', ':/tree', join(door.dir, 'back'));
  t.is(down.code, 0, down.stderr);
  t.is(await readFile(join(door.dir, 'back/a/b/file'), 'utf8'), 'deep');
});

test('scp -O: refused, and says what to use', async (t) => {
  const door = await startDoor(t);
  const local = join(door.dir, 'file');
  await writeFile(local, 'x');
  const ran = await door.scp('-O', local, ':/file');
  t.not(ran.code, 0);
  t.regex(ran.stderr, /scp -s/);
  await t.throwsAsync(door.views.of(alice).stat(parsePath('/file')), { message: /ENOENT/ });
});
