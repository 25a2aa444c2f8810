import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { isInstalled } from '../../servers/process.js';
import { tempFolder } from '../../support/temp.js';
import { dav, localHomes, webdavServer } from '../../support/webdav.js';

const run = promisify(execFile);

function needs(program: string): void {
  if (!isInstalled(program)) throw new Error(`${program} is not installed (Debian: ${program})`);
}

async function setUp(t: ExecutionContext) {
  const work = await tempFolder(t);
  await mkdir(join(work, 'homes'));
  const server = await webdavServer(t, { home: localHomes(join(work, 'homes')) });
  return { work, server, stored: (name: string) => join(work, 'homes', 'alice', name) };
}

test('curl puts, reads and is told about a wrong password', async (t) => {
  needs('curl');
  const { work, server, stored } = await setUp(t);
  const content = randomBytes(5 << 20);
  await writeFile(join(work, 'up'), content);
  const curl = (...args: string[]) => run('curl', ['-sS', '--max-time', '60', ...args], { cwd: work });
  await curl('-f', '-u', 'alice:alice-secret', '-T', 'up', `${server.dav}name%20with%20%C3%BC.bin`);
  t.deepEqual(await readFile(stored('name with ü.bin')), content);
  await curl('-f', '-u', 'alice:alice-secret', '-o', 'down', `${server.dav}name%20with%20%C3%BC.bin`);
  t.deepEqual(await readFile(join(work, 'down')), content);
  await curl(
    '-f',
    '-u',
    'alice:alice-secret',
    '-r',
    '1000-1999',
    '-o',
    'part',
    `${server.dav}name%20with%20%C3%BC.bin`,
  );
  t.deepEqual(await readFile(join(work, 'part')), content.subarray(1000, 2000));
  const { stdout } = await curl(
    '-u',
    'alice:wrong',
    '-T',
    'up',
    '-o',
    '/dev/null',
    '-w',
    '%{http_code} %{size_upload}',
    `${server.dav}x`,
  );
  t.regex(stdout, /^401 /);
  // A file of no length known before.
  const piped = spawn('curl', ['-sSf', '-u', 'alice:alice-secret', '-T', '-', `${server.dav}piped`], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  piped.stdin.end('from a pipe');
  await new Promise((resolve) => piped.once('close', resolve));
  t.is(await readFile(stored('piped'), 'utf8'), 'from a pipe');
});

test('rclone copies a tree there and back, moves it, and tells the room left', async (t) => {
  needs('rclone');
  const { work, server } = await setUp(t);
  const tree = join(work, 'tree');
  await mkdir(join(tree, 'sub folder', 'deep'), { recursive: true });
  const names = ['a.txt', 'sub folder/b & c.txt', 'sub folder/deep/ümlaut #1?.bin', 'empty'];
  for (const [n, name] of names.entries())
    await writeFile(join(tree, name), n === 3 ? '' : randomBytes(10_000 * (n + 1)));
  const { stdout: hidden } = await run('rclone', ['obscure', 'alice-secret']);
  const env = {
    PATH: process.env.PATH ?? '',
    RCLONE_CONFIG: join(work, 'rclone.conf'),
    RCLONE_CONFIG_I_TYPE: 'webdav',
    RCLONE_CONFIG_I_URL: server.dav,
    RCLONE_CONFIG_I_VENDOR: 'owncloud',
    RCLONE_CONFIG_I_USER: 'alice',
    RCLONE_CONFIG_I_PASS: hidden.trim(),
  };
  await writeFile(join(work, 'rclone.conf'), '');
  const rclone = (...args: string[]) => run('rclone', ['--retries', '1', ...args], { cwd: work, env, timeout: 60_000 });
  await rclone('copy', tree, 'i:tree');
  await rclone('check', '--download', tree, 'i:tree');
  await rclone('move', 'i:tree', 'i:moved');
  await rclone('copy', 'i:moved', join(work, 'back'));
  for (const name of names) t.deepEqual(await readFile(join(work, 'back', name)), await readFile(join(tree, name)));
  const { stdout: listed } = await rclone('lsf', '-R', '--files-only', 'i:moved');
  t.deepEqual(listed.trim().split('\n').sort(), [...names].sort());
  const { stdout: about } = await rclone('about', '--json', 'i:');
  t.true(JSON.parse(about).free > 0);
  // The time of the original is kept, so that a second copy has nothing to do.
  const { stderr } = await rclone('copy', '-v', tree, 'i:moved');
  t.regex(stderr, /There was nothing to transfer|0 B \/ 0 B/);
  await rclone('purge', 'i:moved');
  t.is((await dav(server, 'GET', '/moved/')).status, 404);
});

test('cadaver makes, puts, locks, moves, lists and removes', async (t) => {
  needs('cadaver');
  const { work, server, stored } = await setUp(t);
  await writeFile(join(work, 'local file'), 'from cadaver');
  await writeFile(join(work, '.netrc'), 'machine 127.0.0.1\nlogin alice\npassword alice-secret\n', { mode: 0o600 });
  const script = [
    'mkcol folder',
    'put "local file" "folder/remote file"',
    'lock "folder/remote file"',
    'unlock "folder/remote file"',
    'propset "folder/remote file" note remembered',
    'propget "folder/remote file" note',
    'copy "folder/remote file" second',
    'move second third',
    'ls folder',
    'get third fetched',
    'delete third',
    'quit',
  ];
  const child = spawn('cadaver', [server.dav], { cwd: work, env: { ...process.env, HOME: work }, timeout: 60_000 });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  child.stdin.end(`${script.join('\n')}\n`);
  await new Promise((resolve) => child.once('close', resolve));
  t.notRegex(output, /failed|error|denied/i, output);
  t.regex(output, /remembered/);
  t.regex(output, /remote file\s+12/);
  t.is(await readFile(stored('folder/remote file'), 'utf8'), 'from cadaver');
  t.is(await readFile(join(work, 'fetched'), 'utf8'), 'from cadaver');
  t.is((await dav(server, 'GET', '/third')).status, 404);
});
