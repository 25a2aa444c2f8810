import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { LocalDriver } from '../../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { noLog } from '../../../src/core/log.js';
import { sh } from '../../support/command.js';
import { type MountedDrive, mountDrive } from '../../support/mounted-drive.js';
import { alice, testNamespace, wholeBodies } from '../../support/namespace.js';

/** What people do on a drive, with the programs they do it with. */

const teardowns: (() => Promise<void>)[] = [];
let drive: MountedDrive;
const root = await mkdtemp(join(tmpdir(), 'isthmus-local-'));

test.before(async () => {
  const namespace = await testNamespace({ teardown: (act) => teardowns.push(act) }, [
    { at: '/local', driver: new LocalDriver({ path: root, create: false }, noLog) },
    { at: '/memory', driver: new MemoryDriver() },
    { at: '/whole', driver: wholeBodies(new MemoryDriver()) },
    { at: '/fixed', driver: new MemoryDriver(), readOnly: true },
  ]);
  drive = await mountDrive(namespace.of(alice));
});
test.after.always(async () => {
  await drive?.stop();
  for (const act of teardowns) await act();
  await rm(root, { recursive: true, force: true });
});

for (const mount of ['local', 'memory', 'whole']) {
  const run = (script: string, timeout?: number) =>
    sh(script, { cwd: `${drive.path}/${mount}`, ...(timeout !== undefined && { timeout }) });

  test.serial(`${mount}: dd in and out with 1 MiB, compared byte by byte`, async (t) => {
    const { status, stderr } = await run(`
      head -c 40000001 /dev/urandom > /tmp/drive-dd.$$
      dd if=/tmp/drive-dd.$$ of=copy bs=1M 2>&1
      cmp copy /tmp/drive-dd.$$
      dd if=copy bs=1M iflag=direct 2>/dev/null | cmp - /tmp/drive-dd.$$
      dd if=/tmp/drive-dd.$$ of=copy bs=4k skip=5 seek=5 count=3 conv=notrunc 2>&1
      cmp copy /tmp/drive-dd.$$
      rm copy /tmp/drive-dd.$$`);
    t.is(status, 0, stderr);
  });

  test.serial(`${mount}: git init, commit, gc, fsck, clone`, async (t) => {
    const { status, stderr } = await run(
      `
      mkdir repository; cd repository; git init -q; git config user.email a@b; git config user.name a
      for i in 1 2 3; do seq $((i*1000)) > file$i; git add .; git commit -qm "commit $i"; done
      git status --porcelain | grep . && exit 1
      git gc -q; git fsck --strict; cd ..
      git clone -q repository clone; cmp repository/file3 clone/file3
      git -C clone status --porcelain | grep . && exit 1
      rm -rf repository clone; ls -A`,
      120_000,
    );
    t.is(status, 0, stderr);
  });

  test.serial(`${mount}: SQLite`, async (t) => {
    const { status, stdout, stderr } = await run(`
      sqlite3 db 'create table t (a integer primary key, b text);'
      for i in 1 2 3 4 5; do sqlite3 db "insert into t (b) select hex(randomblob(50)) from generate_series(1,200);"; done
      sqlite3 db 'pragma integrity_check; select count(*) from t;'
      rm db`);
    t.is(status, 0, stderr);
    t.is(stdout, 'ok\n1000\n');
  });

  test.serial(`${mount}: memory-mapped reading and writing`, async (t) => {
    const { status, stdout, stderr } = await run(`
      seq 100000 > m
      python3 - <<'EOF'
import mmap
with open('m', 'r+b') as f:
    with mmap.mmap(f.fileno(), 0) as m:
        assert m[:4] == b'1\\n2\\n', m[:4]
        m[0:1] = b'9'
        m[400000:400004] = b'MMAP'
        m.flush()
EOF
      head -c1 m; dd if=m bs=1 skip=400000 count=4 2>/dev/null; rm m`);
    t.is(status, 0, stderr);
    t.is(stdout, '9MMAP');
  });

  test.serial(`${mount}: locks between programs`, async (t) => {
    const { status, stdout, stderr } = await run(`
      : > lock
      flock lock sh -c 'sleep 0.5; echo first' & sleep 0.2
      flock -n lock true && echo wrong
      flock lock echo second
      wait; rm lock`);
    t.is(status, 0, stderr);
    t.is(stdout, 'first\nsecond\n');
  });

  test.serial(`${mount}: a shell's redirections, appending and temporary files`, async (t) => {
    const { status, stdout, stderr } = await run(`
      (echo a; echo b; (echo c)) > f; echo d >> f; cat f; sed -i s/b/B/ f; sort -o f f; cat f
      { echo x; cat f; } > f.new && mv f.new f; wc -l < f
      cp f g; cp -p f h; cmp f g; test "$(stat -c %Y f)" = "$(stat -c %Y h)"; rm f g h`);
    t.is(status, 0, stderr);
    t.is(stdout, 'a\nb\nc\nd\nB\na\nc\nd\n5\n');
  });

  test.serial(`${mount}: tar, find, du and rm -r`, async (t) => {
    const { status, stdout, stderr } = await run(`
      mkdir -p tree/a/b/c; for i in $(seq 60); do echo $i > tree/a/b/f$i; done; echo deep > tree/a/b/c/d
      tar cf all.tar tree; mkdir out; tar xf all.tar -C out --no-same-owner; diff -r tree out/tree
      find tree -type f | wc -l; du -a tree > /dev/null; rm -r tree out all.tar; ls -A`);
    t.is(status, 0, stderr);
    t.is(stdout, '61\n');
  });
}

const makeMany = `python3 -c "
import os
for i in range(10000): os.close(os.open('f%05d' % i, os.O_CREAT | os.O_WRONLY))"`;

test.serial('10,000 names, made on the drive', async (t) => {
  const { status, stdout, stderr } = await sh(
    `
    mkdir many; cd many; ${makeMany}
    ls | wc -l; ls -f | sort | uniq | wc -l; cd ..; rm -r many; ls -A`,
    { cwd: `${drive.path}/memory`, timeout: 120_000 },
  );
  t.is(status, 0, stderr);
  t.is(stdout, '10000\n10002\n');
});

test.serial('10,000 names, found on local files', async (t) => {
  // Made beside the drive: each file made on it is brought to the disk before close answers.
  await sh(`mkdir many; cd many; ${makeMany}`, { cwd: root });
  const { status, stdout, stderr } = await sh(
    `
    cd many; ls | wc -l; ls -l | wc -l; ls -f | sort | uniq | wc -l
    python3 -c "
import os
assert len(set(os.listdir('.'))) == 10000
assert sum(1 for e in os.scandir('.') if e.is_file()) == 10000"`,
    { cwd: `${drive.path}/local` },
  );
  t.is(status, 0, stderr);
  t.is(stdout, '10000\n10001\n10002\n');
});

test.serial('between mounts: rename is EXDEV, mv copies', async (t) => {
  const { status, stdout, stderr } = await sh(
    `
    echo content > local/f
    python3 -c "
import os, errno
try: os.rename('local/f', 'memory/f')
except OSError as e: assert e.errno == errno.EXDEV, e
else: assert False"
    mv local/f whole/f; cat whole/f; test ! -e local/f; rm whole/f`,
    { cwd: drive.path },
  );
  t.is(status, 0, stderr);
  t.is(stdout, 'content\n');
});

test.serial('a read-only mount refuses', async (t) => {
  const script = 'touch f || mkdir d || ln -s a b || true; ls -A';
  const { status, stdout, stderr } = await sh(script, { cwd: `${drive.path}/fixed` });
  t.is(status, 0);
  t.is(stdout, '');
  t.is(stderr.match(/Read-only file system/g)?.length, 3, stderr);
});

test.serial('a mount point is not removed or renamed; no devices and pipes', async (t) => {
  const { stderr } = await sh('rmdir local || true; mv memory elsewhere || true; mkfifo memory/p || true', {
    cwd: drive.path,
  });
  t.is(stderr.match(/resource busy/g)?.length, 2, stderr);
  t.regex(stderr, /mkfifo: .*Operation not permitted/);
});

for (const mount of ['memory', 'local']) {
  test.serial(`${mount}: times before 1970 and far ahead`, async (t) => {
    const { status, stdout, stderr } = await sh(
      `
    : > f; touch -d '1931-02-03 04:05:06.250 UTC' f; stat -c '%Y %y' f; touch -d '2200-01-01 UTC' f; stat -c %Y f; rm f`,
      { cwd: `${drive.path}/${mount}` },
    );
    t.is(status, 0, stderr);
    t.is(stdout, '-1227902094 1931-02-03 04:05:06.250000000 +0000\n7258118400\n');
  });
}

test.serial('sizes past 4 GiB', async (t) => {
  const { status, stdout, stderr } = await sh(
    `
    : > f
    truncate -s 5G f; stat -c %s f; printf end | dd of=f bs=1 seek=5368709120 conv=notrunc 2>/dev/null
    tail -c 3 f; rm f`,
    { cwd: `${drive.path}/local` },
  );
  t.is(status, 0, stderr);
  t.is(stdout, '5368709120\nend');
});
