import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { generateEd25519 } from '../../../src/frontends/sftp/host-keys.js';
import { run } from '../../support/sftp-door.js';
import { tempFolder } from '../../support/temp.js';

const MiB = 1024 * 1024;

interface Door {
  readonly dir: string;
  /** The folder that is served. */
  readonly files: string;
  readonly child: ChildProcess;
  readonly options: readonly string[];
  /** Peak of resident memory so far, in bytes. */
  peak(): Promise<number>;
}

async function startProcess(t: ExecutionContext): Promise<Door> {
  const dir = await tempFolder(t);
  const files = join(dir, 'files');
  await mkdir(files);
  const keys = generateEd25519('alice');
  await writeFile(join(dir, 'id'), keys.private, { mode: 0o600 });
  await writeFile(join(dir, 'id.pub'), keys.public);
  const program = fileURLToPath(new URL('../../support/sftp-door-process.js', import.meta.url));
  const child = spawn(process.execPath, [program, files, join(dir, 'id.pub'), join(dir, 'host')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    child.once('exit', () => reject(new Error('the front end ended')));
  });
  const port = new URL(line.replace('ready ', '').trim()).port;
  const options = [
    ...['-F', '/dev/null', '-i', join(dir, 'id'), '-o', 'IdentitiesOnly=yes', '-o', 'LogLevel=ERROR'],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-P', port],
  ];
  const peak = async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  };
  return { dir, files, child, options, peak };
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

test.serial('sixteen downloads at once stay within their memory, and come whole', async (t) => {
  const door = await startProcess(t);
  await writeFile(join(door.files, 'large'), randomBytes(64 * MiB));
  const wanted = await hashOf(join(door.files, 'large'));
  const warm = await run('scp', [...door.options, 'alice@127.0.0.1:/large', join(door.dir, 'warm')]);
  t.is(warm.code, 0, warm.stderr);
  const before = await door.peak();
  const targets = Array.from({ length: 16 }, (_, i) => join(door.dir, `down-${i}`));
  const all = await Promise.all(
    targets.map((target) => run('scp', [...door.options, 'alice@127.0.0.1:/large', target])),
  );
  for (const ran of all) t.is(ran.code, 0, ran.stderr);
  const grown = (await door.peak()) - before;
  t.log(`${Math.round(before / MiB)} MiB after one, ${Math.round(grown / MiB)} MiB more at the peak of sixteen`);
  t.true(grown < 200 * MiB, `${grown} bytes`);
  for (const target of targets) {
    t.is(await hashOf(target), wanted);
    await rm(target);
  }
});

test.serial('a client that is killed half-way through an upload leaves the old content, and no trace', async (t) => {
  const door = await startProcess(t);
  await writeFile(join(door.files, 'file'), 'old content');
  await writeFile(join(door.dir, 'new'), randomBytes(200 * MiB));
  // Slowly: the client must still be at it when it is killed.
  const client = spawn('scp', [...door.options, '-l', '80000', join(door.dir, 'new'), 'alice@127.0.0.1:/file'], {
    stdio: 'ignore',
    detached: true,
  });
  const ended = new Promise((resolve) => client.once('exit', resolve));
  while ((await readdir(door.files)).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(await readFile(join(door.files, 'file'), 'utf8'), 'old content');
  // The group: scp and the ssh that it started.
  process.kill(-(client.pid as number), 'SIGKILL');
  await ended;
  for (let tries = 0; tries < 100 && (await readdir(door.files)).length > 1; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.deepEqual(await readdir(door.files), ['file']);
  t.is(await readFile(join(door.files, 'file'), 'utf8'), 'old content');
});

test.serial('a file of 200 MiB goes up and down through a key exchange in the middle', async (t) => {
  const door = await startProcess(t);
  await writeFile(join(door.dir, 'large'), randomBytes(200 * MiB));
  const rekey = ['-o', 'RekeyLimit=32M'];
  const up = await run('scp', [...door.options, ...rekey, join(door.dir, 'large'), 'alice@127.0.0.1:/large']);
  t.is(up.code, 0, up.stderr);
  const down = await run('scp', [...door.options, ...rekey, 'alice@127.0.0.1:/large', join(door.dir, 'back')]);
  t.is(down.code, 0, down.stderr);
  t.is(await hashOf(join(door.dir, 'back')), await hashOf(join(door.dir, 'large')));
});

test.serial('df shows the room of the file system', async (t) => {
  const door = await startProcess(t);
  await writeFile(join(door.dir, 'batch'), 'df\ndf -i\n');
  const ran = await run('sftp', [...door.options, '-b', join(door.dir, 'batch'), 'alice@127.0.0.1']);
  t.is(ran.code, 0, ran.stderr);
  t.regex(ran.stdout, /Size +Used +Avail/);
});
