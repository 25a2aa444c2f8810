import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync } from 'node:fs';
import { mkdtemp, readFile, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { LocalDriver } from '../../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../../mounts/memory.js';
import { type ErrorCode, VfsError } from '../../../src/core/errors.js';
import { type Logger, noLog } from '../../../src/core/log.js';
import { loadBinding } from '../../../src/frontends/drive/binding.js';
import type { DriveOptions } from '../../../src/frontends/drive/drive.js';
import { mountsAt } from '../../../src/frontends/drive/mount-table.js';
import { mountByHelper, unmount } from '../../../src/frontends/drive/mounting.js';
import type { View } from '../../../src/vfs/view.js';
import { startAgent } from '../../support/agent-client.js';
import { sh } from '../../support/command.js';
import { type MountedDrive, mountDrive } from '../../support/mounted-drive.js';
import { alice, body, p, testNamespace, text } from '../../support/namespace.js';
import { recordingLog } from '../../support/recording.js';
import { tempFolder } from '../../support/temp.js';

async function view(t: ExecutionContext): Promise<View> {
  const namespace = await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }]);
  return namespace.of(alice);
}

/** A drive that is gone when the test is over, however it ends. */
async function mounting(t: ExecutionContext, seen: View, options: Partial<DriveOptions> = {}): Promise<MountedDrive> {
  const mounted = await mountDrive(seen, options);
  t.teardown(() => mounted.stop().catch(() => undefined));
  return mounted;
}

/** Keeps what is logged as warnings and errors. */
function listening(lines: { message: string; fields: object }[]): Logger {
  const keep = (fields: object, message = '') => void lines.push({ message, fields });
  const log: Logger = { debug() {}, info() {}, warn: keep, error: keep, child: () => log };
  return log;
}

test.serial('what a killed daemon left mounted is cleaned at the next start', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'isthmus-drive-'));
  const script = fileURLToPath(new URL('../../support/drive-daemon.js', import.meta.url));
  const daemon = fork(script, [path], { execArgv: [] });
  await once(daemon, 'message');
  t.is((await mountsAt(path)).length, 1);
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  t.is((await mountsAt(path)).length, 1, 'the mount is still there');
  const drive = await mounting(t, await view(t), { path });
  t.is((await mountsAt(path)).length, 1);
  t.is((await sh('echo x > m/f; cat m/f', { cwd: path })).stdout, 'x\n');
  await drive.stop();
  t.deepEqual(await mountsAt(path), []);
});

test.serial('a drive that somebody serves is left alone', async (t) => {
  const mounted = await mounting(t, await view(t));
  const script = fileURLToPath(new URL('../../support/drive-daemon.js', import.meta.url));
  const second = fork(script, [mounted.path], { execArgv: [], silent: true });
  let told = '';
  second.stderr?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  const [code] = await once(second, 'exit');
  t.is(code, 1);
  t.regex(told, /another daemon serves a drive there/);
  t.is((await sh('ls', { cwd: mounted.path })).stdout, 'm\n');
  await mounted.stop();
});

test.serial('a folder that is not empty, or no folder, is refused', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(join(folder, 'file'), 'mine');
  await t.throwsAsync(mounting(t, await view(t), { path: folder }), { name: 'StartError', message: /not empty/ });
  await t.throwsAsync(mounting(t, await view(t), { path: join(folder, 'file') }), {
    name: 'StartError',
    message: /not a folder|not a directory|ENOTDIR/,
  });
  t.is(await readFile(join(folder, 'file'), 'utf8'), 'mine');
});

test.serial('a missing folder is made, for its owner only', async (t) => {
  const path = join(await tempFolder(t), 'a', 'b');
  const mounted = await mounting(t, await view(t), { path });
  await mounted.stop();
  t.deepEqual(await mountsAt(path), []);
});

test.serial('a busy drive is detached, and who keeps it is told', async (t) => {
  const lines: { message: string; fields: object }[] = [];
  const seen = await view(t);
  const mounted = await mounting(t, seen, { log: listening(lines) });
  const agent = startAgent(mounted.path);
  const file = await agent.client.open('/m/f', { read: true, write: true, create: true });
  await file.write(0, Buffer.from('not closed yet'));
  await mounted.stop();
  t.deepEqual(await mountsAt(mounted.path), []);
  const line = lines.find(({ message }) => message.includes('in use'));
  t.regex(JSON.stringify(line?.fields), new RegExp(`\\(${agent.pid}\\)`));
  t.is(await text((await seen.read(p('/m/f'))).body), 'not closed yet', 'what was written is kept');
  await t.throwsAsync(file.read(0, 10), { code: 'ENOTCONN' });
  await agent.end();
});

test.serial('stopping twice, and after somebody else unmounted it', async (t) => {
  const lines: { message: string; fields: object }[] = [];
  const mounted = await mounting(t, await view(t), { log: listening(lines) });
  t.is((await sh(`umount ${mounted.path}`)).status, 0);
  for (let i = 0; i < 100 && lines.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  t.regex(lines[0]?.message ?? '', /unmounted by somebody/);
  await mounted.stop();
  await mounted.drive.stop(Date.now());
});

/** A view whose storage hangs in one method until the call is given up. */
function hanging(inner: View, method: 'stat' | 'list', path: string, stuck: () => void): View {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== method) return value.bind(target);
      return (at: string, call?: { signal?: AbortSignal }) => {
        if (at !== path) return value.call(target, at, call);
        const given = new Promise<never>((_, reject) => {
          stuck();
          call?.signal?.addEventListener('abort', () => reject(new VfsError('ECANCELED', method, path)));
        });
        return method === 'stat' ? given : { [Symbol.asyncIterator]: () => ({ next: () => given }) };
      };
    },
  });
}

test.serial('who waits for a hung storage can be killed, and others are served meanwhile', async (t) => {
  let stuck = () => {};
  const waiting = new Promise<void>((resolve) => {
    stuck = resolve;
  });
  const mounted = await mounting(
    t,
    hanging(await view(t), 'stat', '/m/hung', () => stuck()),
  );
  const waiter = spawn('/bin/cat', [`${mounted.path}/m/hung`], { stdio: 'ignore' });
  await waiting;
  // Not in the same folder: the kernel lets nobody make a name in a folder while a look-up in it is under way.
  t.is((await sh('echo fine > f; cat f', { cwd: mounted.path })).stdout, 'fine\n');
  waiter.kill('SIGKILL');
  const [, signal] = await once(waiter, 'exit');
  t.is(signal, 'SIGKILL');
  await mounted.stop();
});

test.serial('so can who lists a folder of it', async (t) => {
  let stuck = () => {};
  const waiting = new Promise<void>((resolve) => {
    stuck = resolve;
  });
  const mounted = await mounting(
    t,
    hanging(await view(t), 'list', '/m', () => stuck()),
  );
  const waiter = spawn('/bin/ls', [`${mounted.path}/m`], { stdio: 'ignore' });
  await waiting;
  t.is((await sh('echo fine > f; cat f; ls', { cwd: mounted.path })).stdout, 'fine\nf\nm\n');
  waiter.kill('SIGKILL');
  const [, signal] = await once(waiter, 'exit');
  t.is(signal, 'SIGKILL');
  await mounted.stop();
});

test.serial('stopping does not wait for a hung storage', async (t) => {
  let stuck = () => {};
  const waiting = new Promise<void>((resolve) => {
    stuck = resolve;
  });
  const mounted = await mounting(
    t,
    hanging(await view(t), 'stat', '/m/hung', () => stuck()),
  );
  const waiter = spawn('/bin/cat', [`${mounted.path}/m/hung`], { stdio: 'ignore' });
  await waiting;
  const gone = once(waiter, 'exit');
  await mounted.drive.stop(Date.now() + 300);
  t.is((await gone)[0], 1, 'the program gets an error');
  await rmdir(mounted.path);
});

test.serial('errors of the storage reach the program by name', async (t) => {
  const inner = await view(t);
  await inner.write(p('/m/f'), body('x'));
  const broken = (code: ErrorCode) =>
    new Proxy(inner, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        if (name !== 'mkdir') return value.bind(target);
        return () => Promise.reject(new VfsError(code, 'mkdir', '/m/d'));
      },
    });
  for (const [code, words] of [
    ['EUNAVAILABLE', 'Host is down'],
    ['ETIMEDOUT', 'Connection timed out'],
    ['EDQUOT', 'Disk quota exceeded'],
    ['ELOCKED', 'Device or resource busy'],
    ['EAUTH', 'Permission denied'],
    ['ENOSPC', 'No space left on device'],
  ] as const) {
    const mounted = await mounting(t, broken(code));
    const { stderr } = await sh('mkdir m/d || true', { cwd: mounted.path });
    t.true(stderr.includes(words), `${code}: ${stderr}`);
    await mounted.stop();
  }
});

/** Runs a script as another account of the host. */
const as = (uid: number, script: string) =>
  sh(`setpriv --reuid ${uid} --regid ${uid} --clear-groups sh -ec '${script}'`);

test.serial('a drive belongs to its owner, and lets nobody else in', async (t) => {
  if (process.getuid?.() !== 0) return t.pass('only root mounts for others');
  const uid = 65534;
  const mounted = await mounting(t, await view(t), { uid, gid: uid });
  const { stdout, stderr } = await as(
    uid,
    `cd ${mounted.path}; mkdir m/d; echo mine > m/d/f; stat -c %u m/d/f; cat m/d/f`,
  );
  t.is(stdout, `${uid}\nmine\n`, stderr);
  t.regex((await as(12345, `ls ${mounted.path} || true`)).stderr, /Permission denied/);
  await mounted.stop();
  return undefined;
});

test.serial('with allowOther a file belongs to who made it, as its permissions say', async (t) => {
  if (process.getuid?.() !== 0) return t.pass('only root mounts for others');
  const namespace = await testNamespace(t, [
    { at: '/m', driver: new LocalDriver({ path: await tempFolder(t), create: false }, noLog) },
  ]);
  const mounted = await mounting(t, namespace.of(alice), { allowOther: true });
  await sh('chmod 777 m', { cwd: mounted.path });
  const { stdout, stderr } = await as(
    65534,
    `cd ${mounted.path}/m; (umask 077; echo x > f); mkdir d; echo y >> f; stat -c "%u %a" f d`,
  );
  t.is(stdout, '65534 600\n65534 755\n', stderr);
  t.regex((await as(12345, `cat ${mounted.path}/m/f || true`)).stderr, /Permission denied/);
  await mounted.stop();
  return undefined;
});

test.serial('fusermount3 hands the device over, as an ordinary user needs it', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'isthmus-drive-'));
  const binding = loadBinding();
  const fd = await mountByHelper(binding, path, { allowOther: false });
  t.true(fstatSync(fd).isCharacterDevice());
  t.is((await mountsAt(path))[0]?.type, 'fuse.isthmus');
  closeSync(fd);
  t.true(await unmount(binding, path, true));
  t.deepEqual(await mountsAt(path), []);
  await rmdir(path);
  await t.throwsAsync(mountByHelper(binding, '/nonexistent', { allowOther: false }), {
    name: 'Unavailable',
    message: /fusermount3: .*nonexistent/,
  });
});

test.serial('a failure is logged with the mount that it is about', async (t) => {
  const { log, lines } = recordingLog();
  const mounted = await mounting(t, await view(t), { log });
  await sh('mkdir -p m/full/x full/x', { cwd: mounted.path });
  t.not((await sh('rmdir m/full', { cwd: mounted.path })).status, 0);
  t.not((await sh('rmdir full', { cwd: mounted.path })).status, 0);
  await mounted.stop();
  const told = lines.filter(({ fields }) => fields.operation === 'rmdir');
  t.deepEqual(
    told.map(({ fields: { operation, mount } }) => [operation, mount]),
    [
      ['rmdir', '/m'],
      ['rmdir', '/'],
    ],
  );
});
