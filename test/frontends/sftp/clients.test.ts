import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isInstalled } from '../../servers/process.js';
import { PlainDriver } from '../../support/plain-driver.js';
import { type Ran, run, type SftpDoor, startDoor } from '../../support/sftp-door.js';

const STORAGES = { memory: () => undefined, 'a storage without permissions': () => new PlainDriver() } as const;

/** A folder with files of several sizes and an executable. */
async function makeTree(folder: string): Promise<void> {
  await mkdir(join(folder, 'sub/deep'), { recursive: true });
  for (const [name, size] of [
    ['empty', 0],
    ['small', 5],
    ['sub/middle', 100_000],
    ['sub/deep/large', 3_000_000],
  ] as const) {
    await writeFile(join(folder, name), randomBytes(size));
    await utimes(join(folder, name), 1_500_000_000, 1_600_000_000);
  }
}

async function rclone(door: SftpDoor, ...args: string[]): Promise<Ran> {
  const obscured = join(door.dir, 'rclone.conf');
  await writeFile(
    obscured,
    `[door]\ntype = sftp\nhost = 127.0.0.1\nport = ${door.port}\nuser = alice\nkey_file = ${join(door.dir, 'id')}\nshell_type = none\n`,
  );
  return await run('rclone', ['--config', obscured, ...args]);
}

/** Mounts a door with sshfs and unmounts it at the end of `work`. */
async function withSshfs(door: SftpDoor, work: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(door.dir, 'mounted');
  await mkdir(folder);
  const args = [...door.options.slice(2), '-p', String(door.port), 'alice@127.0.0.1:/', folder];
  const mounted = await run('sshfs', ['-F', '/dev/null', ...args]);
  if (mounted.code !== 0) throw new Error(`sshfs: ${mounted.stderr}`);
  try {
    await work(folder);
  } finally {
    const done = await run('fusermount3', ['-u', folder]);
    if (done.code !== 0) await run('fusermount3', ['-uz', folder]);
  }
}

for (const [storage, make] of Object.entries(STORAGES)) {
  test(`rclone on ${storage}: copy, check, copy back, move, times`, async (t) => {
    const home = make();
    const door = await startDoor(t, home === undefined ? {} : { home });
    const local = join(door.dir, 'tree');
    await makeTree(local);
    const up = await rclone(door, 'copy', local, 'door:tree');
    t.is(up.code, 0, up.stderr);
    const check = await rclone(door, 'check', '--download', local, 'door:tree');
    t.is(check.code, 0, check.stderr);
    const times = await rclone(door, 'lsl', 'door:tree/small');
    t.regex(times.stdout, /^ *5 2020-09-13 12:26:40/, times.stderr);
    const again = await rclone(door, 'copy', '-v', local, 'door:tree');
    t.regex(again.stderr, /Transferred:\s+0 B \/ 0 B/, 'nothing is copied twice');
    t.is((await rclone(door, 'moveto', 'door:tree/sub', 'door:tree/moved')).code, 0);
    t.is((await rclone(door, 'copy', 'door:tree', join(door.dir, 'back'))).code, 0);
    t.deepEqual(await readFile(join(door.dir, 'back/moved/deep/large')), await readFile(join(local, 'sub/deep/large')));
    t.is((await rclone(door, 'purge', 'door:tree')).code, 0);
  });

  test.serial(`sshfs on ${storage}: cp, cmp, append, truncate, mv, rm, times`, async (t) => {
    if (!isInstalled('fusermount3')) throw new Error('fusermount3 is not installed');
    const home = make();
    const door = await startDoor(t, home === undefined ? {} : { home });
    const local = join(door.dir, 'tree');
    await makeTree(local);
    await withSshfs(door, async (folder) => {
      const copied = await run('cp', ['-r', '--preserve=timestamps', local, join(folder, 'tree')]);
      t.is(copied.code, 0, copied.stderr);
      const same = await run('diff', ['-r', local, join(folder, 'tree')]);
      t.is(same.code, 0, same.stdout + same.stderr);
      t.is((await stat(join(folder, 'tree/small'))).mtimeMs, 1_600_000_000_000);

      // One right behind another: the file's CLOSE may still be on its way.
      for (let round = 0; round < 10; round++) {
        await cp(join(local, 'sub/middle'), join(folder, '.part'));
        await rename(join(folder, '.part'), join(folder, `final-${round}`));
        t.deepEqual(await readFile(join(folder, `final-${round}`)), await readFile(join(local, 'sub/middle')));
        await rm(join(folder, `final-${round}`));
      }
      t.deepEqual(await readdir(folder), ['tree']);

      const script = [
        'printf one > log',
        'printf two >> log',
        'printf three >> log',
        'test "$(cat log)" = onetwothree',
        'truncate -s 6 log',
        'test "$(cat log)" = onetwo',
        'printf X | dd of=log bs=1 seek=3 conv=notrunc status=none',
        'test "$(cat log)" = oneXwo',
        'mkdir d && mv log d/ && test -f d/log && rm -r d',
      ].join(' && ');
      const done = await run('sh', ['-ec', `cd ${folder} && ${script}`]);
      t.is(done.code, 0, done.stderr);
    });
  });

  test(`scp -p and put -p on ${storage} keep times; a mode that cannot be kept is told`, async (t) => {
    const home = make();
    const door = await startDoor(t, home === undefined ? {} : { home });
    const local = join(door.dir, 'file');
    await writeFile(local, 'content');
    await chmod(local, 0o644);
    await utimes(local, 1_500_000_000, 1_600_000_000);
    const first = await door.scp('-p', local, ':/scp');
    t.is(first.code, 0, first.stderr);
    t.is(first.stderr, '');
    const second = await door.sftp([`put -p ${local} /put`, 'chmod 644 /put', 'ls -l /']);
    t.is(second.code, 0, second.stderr);
    t.is(second.stderr, '');
    t.regex(second.stdout, /^-rw-r--r-- .* Sep 13 +2020 \/put$/m);
    t.regex(second.stdout, /^-rw-r--r-- .* Sep 13 +2020 \/scp$/m);
    const executable = await door.sftp(['chmod 755 /put', 'ls -l /put']);
    if (home === undefined) {
      t.is(executable.code, 0, executable.stderr);
      t.regex(executable.stdout, /^-rwxr-xr-x/m);
    } else {
      t.not(executable.code, 0);
      t.regex(executable.stderr, /permissions|unsupported/i);
    }
  });
}
