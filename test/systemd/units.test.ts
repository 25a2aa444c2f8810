import { execFile, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { FREE_PORTS, Place } from '../support/place.js';

const run = promisify(execFile);

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'isthmus-systemd-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const dropIn of [false, true]) {
  test(`systemd-analyze verify has nothing to say${dropIn ? ', with the drop-in for nodes without a drive' : ''}`, async (t) => {
    const here = folder(t);
    // verify looks whether the command is there; here it is that of the checkout.
    const unit = readFileSync('systemd/isthmus.service', 'utf8').replaceAll('/usr/lib/isthmus/', `${resolve('.')}/`);
    writeFileSync(join(here, 'isthmus.service'), unit);
    if (dropIn) cpSync('systemd/isthmus.service.d', join(here, 'isthmus.service.d'), { recursive: true });
    const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', join(here, 'isthmus.service')]);
    t.is(stdout + stderr, '');
  });
}

test('sysusers and tmpfiles make the account and its folders', async (t) => {
  const root = folder(t);
  mkdirSync(join(root, 'etc'));
  mkdirSync(join(root, 'var/lib'), { recursive: true });
  chmodSync(root, 0o755);
  await run('systemd-sysusers', [`--root=${root}`, resolve('systemd/isthmus.sysusers.conf')]);
  t.regex(
    readFileSync(join(root, 'etc/passwd'), 'utf8'),
    /^isthmus:x:\d+:\d+:Isthmus:\/var\/lib\/isthmus:\/usr\/sbin\/nologin$/m,
  );
  if (process.getuid?.() !== 0) return;
  await run('systemd-tmpfiles', ['--create', `--root=${root}`, resolve('systemd/isthmus.tmpfiles.conf')]);
  t.is(statSync(join(root, 'var/lib/isthmus')).mode & 0o777, 0o700);
  t.is(statSync(join(root, 'etc/isthmus')).mode & 0o777, 0o750);
});

const LISTEN = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('bound', flush=True)
while True:
    for line in s.recv(65536).decode().split('\\n'):
        if line: print(line, flush=True)
`;

function listen(t: ExecutionContext, socket: string) {
  const listener = spawn('python3', ['-c', LISTEN, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => listener.kill('SIGKILL'));
  const heard: string[] = [];
  createInterface({ input: listener.stdout }).on('line', (line) => heard.push(line));
  const hears = async (wanted: string | RegExp) => {
    const there = () => heard.some((line) => (typeof wanted === 'string' ? line === wanted : wanted.test(line)));
    for (let tries = 0; !there(); tries++) {
      if (tries > 6000) throw new Error(`"${wanted}" was not heard within 60 s, only ${heard.join(', ')}`);
      await sleep(10);
    }
  };
  return { heard, hears };
}

test('the service manager hears of readiness, the watchdog and the end', async (t) => {
  const place = new Place(`${FREE_PORTS}drives: []\n`);
  t.teardown(() => place.remove());
  const socket = place.path('notify');
  const { heard, hears } = listen(t, socket);
  await hears('bound');
  const daemon = await place.serve({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '300000' });
  await hears('READY=1');
  await hears(/^STATUS=ready web=http:/);
  await hears('WATCHDOG=1');
  t.false(heard.includes('STOPPING=1'));
  const ended = daemon.end('SIGTERM');
  await hears('STOPPING=1');
  t.is((await ended).code, 0);
});
