import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { FREE_PORTS, Place } from '../support/place.js';

/* The daemon as people start, ask and stop it: the real command as a child process. */

const NO_DRIVE = `${FREE_PORTS}drives: []\n`;

function at(t: ExecutionContext, yaml = NO_DRIVE): Place {
  const place = new Place(yaml);
  t.teardown(() => place.remove());
  return place;
}

function mountsBelow(folder: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[1]?.startsWith(folder));
}

const URL = 'http://127\\.0\\.0\\.1:\\d+';

test.serial(
  'first start: the ready line, the first user, private files; SIGTERM unmounts and exits with 0',
  async (t) => {
    const place = at(t, FREE_PORTS);
    const daemon = await place.serve();
    await daemon.until(/^first start/m, 'stdout');
    const [ready, first, ...rest] = daemon.stdout.split('\n');
    const fuse = existsSync('/dev/fuse');
    const drive = fuse ? '\\./data/drive' : 'off\\([^)]+\\)';
    t.regex(
      ready!,
      new RegExp(
        `^ready web=${URL}/ dav=${URL}/dav/ sftp=sftp://127\\.0\\.0\\.1:\\d+ drive=${drive} metrics=${URL}/metrics$`,
      ),
    );
    t.is(first, 'first start: user admin, password in ./data/initial-password (0600)');
    t.deepEqual(rest, ['']);
    t.is(statSync(place.path('data')).mode & 0o777, 0o700);
    for (const name of ['initial-password', 'admin.sock', 'isthmus.db', 'ssh_host_ed25519_key']) {
      t.is(statSync(place.path('data', name)).mode & 0o777, 0o600, name);
    }
    t.is(mountsBelow(place.folder).length, fuse ? 1 : 0);

    const password = readFileSync(place.path('data/initial-password'), 'utf8').trim();
    const login = { authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` };
    const file = `${daemon.where('dav')}hello.txt`;
    t.is((await fetch(file, { method: 'PUT', body: 'hello', headers: login })).status, 201);
    t.is(await (await fetch(file, { headers: login })).text(), 'hello');
    t.is((await fetch(file)).status, 401);
    t.is(readFileSync(place.path('data/homes/admin/hello.txt'), 'utf8'), 'hello');
    t.is((await fetch(`${daemon.where('web')}healthz`)).status, 200);
    t.regex(await (await fetch(daemon.where('metrics'))).text(), /^isthmus_frontend_operations_total\{/m);

    const { code, stderr } = await daemon.end('SIGTERM');
    t.is(code, 0);
    t.deepEqual(mountsBelow(place.folder), []);
    t.false(existsSync(place.path('data/admin.sock')));
    t.false(stderr.includes(password), 'no password in the log');

    const again = await place.serve();
    t.false(again.stdout.includes('first start'));
    t.is((await again.end('SIGINT')).code, 0);
  },
);

test.serial('users, through the command', async (t) => {
  const place = at(t);
  const daemon = await place.serve();
  const run = async (args: string[], input = '') => {
    const { code, stdout, stderr } = await place.run(args, { input });
    return { code, text: stdout + stderr };
  };
  const add = ['user', 'add', 'alice', '--password-stdin', '--group', 'staff'];
  t.deepEqual(await run(add, 'correct horse\nignored\n'), { code: 0, text: 'added alice\n' });
  t.deepEqual(await run(add, 'x\n'), { code: 1, text: 'there is a user alice already\n' });
  t.deepEqual(await run(['user', 'add', 'b', '--password-stdin'], '\n'), {
    code: 1,
    text: 'the password is empty; nothing was changed\n',
  });
  t.deepEqual(await run(['user', 'add', 'bob']), {
    code: 2,
    text: 'there is no terminal to ask for the password on; use --password-stdin\n',
  });
  t.is((await run(['user', 'add', '../evil', '--password-stdin'], 'x\n')).code, 1);
  const { text } = await run(['user', 'list', '--json']);
  const users = JSON.parse(text) as { name: string; admin: boolean; groups: string[] }[];
  t.deepEqual(
    users.map(({ name, admin, groups }) => ({ name, admin, groups })),
    [
      { name: 'admin', admin: true, groups: [] },
      { name: 'alice', admin: false, groups: ['staff'] },
    ],
  );
  t.regex(
    (await run(['user', 'list'])).text,
    /^NAME +ROLE +STATE +GROUPS +PASSWORD +KEYS +CREATED\nadmin +admin +enabled/,
  );

  const signIn = async (password: string) =>
    (
      await fetch(daemon.where('dav'), {
        method: 'PROPFIND',
        headers: { depth: '0', authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}` },
      })
    ).status;
  t.is(await signIn('correct horse'), 207);
  t.deepEqual(await run(['user', 'passwd', 'alice', '--password-stdin'], 'other\n'), {
    code: 0,
    text: 'the password of alice is set\n',
  });
  t.is(await signIn('correct horse'), 401);
  t.is(await signIn('other'), 207);

  writeFileSync(
    place.path('id.pub'),
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2GmmlkWJLw2GSjZiGSBzBUXWdpzWGNsDDKXEAcVyBr me@here\n',
  );
  t.regex((await run(['user', 'key', 'add', 'alice', 'id.pub'])).text, /^added ssh-ed25519 SHA256:\S+ for alice\n$/);
  const keys = JSON.parse((await run(['user', 'key', 'list', 'alice', '--json'])).text) as { fingerprint: string }[];
  t.is((await run(['user', 'key', 'remove', 'alice', keys[0]!.fingerprint])).code, 0);
  t.is((await run(['user', 'key', 'list', 'alice'])).text, 'alice has no keys\n');

  t.deepEqual(await run(['user', 'remove', 'alice']), {
    code: 0,
    text: 'removed alice; the files of their home stay where they are\n',
  });
  t.is(await signIn('other'), 401);
  t.deepEqual(await run(['user', 'remove', 'admin']), {
    code: 1,
    text: 'admin is the last administrator; make another one first\n',
  });
  t.false(daemon.stderr.includes('correct horse'));
});

test.serial('a mount that is dead at the start: the rest serves, and everybody is told', async (t) => {
  const place = at(
    t,
    `${NO_DRIVE}mounts:
  - { at: /mem, driver: memory, readOnly: true, for: { groups: [staff] } }
  - { at: /dead, driver: s3, options: { endpoint: "http://127.0.0.1:9", bucket: bucket }, credentials: { mechanism: password, user: a, password: hunter2 } }
`,
  );
  const daemon = await place.serve();
  const readyz = await fetch(`${daemon.where('web')}readyz`);
  t.is(readyz.status, 200);
  t.is(await readyz.text(), 'ready\n/mem ok\n/dead unavailable: cannot be reached\n');
  t.regex(await (await fetch(daemon.where('metrics'))).text(), /^isthmus_mount_up\{mount="\/dead"\} 0$/m);

  const status = await place.run(['status']);
  t.is(status.code, 1, 'a mount is down');
  t.regex(status.stdout, /^isthmus \S+ on localhost, pid \d+, up/);
  t.regex(status.stdout, /^\/mem +memory +up +\S+ +read-only +group:staff$/m);
  t.regex(status.stdout, /^\/dead +s3 +down +\S+ +read-write +everyone +cannot be reached$/m);
  const tested = await place.run(['mount', 'test']);
  t.is(tested.code, 1);
  t.regex(tested.stdout, /^\/mem: answers \(\d+ ms\)\n\/dead: does not answer: cannot be reached: .*ECONNREFUSED/);

  t.is(
    (await place.run(['explain', 'admin', '/mem/x'])).stdout,
    `/mem/x lies in the home of admin (local), there at /mem/x
read:  yes, because it is their home
write: yes, because the mount is not read-only
not seen: /mem: the mount is for other users and groups only
`,
  );
  const check = await place.run(['check']);
  t.is(check.code, 1);
  t.regex(check.stdout, /^\.\/isthmus\.yaml: valid\nhomes \(local\): answers\n {2}can: read and write/);
  t.regex(
    check.stdout,
    /^\/dead \(s3\): does not answer: cannot be reached: .*\n {2}can: .*\n {2}cannot: .*hard links/m,
  );
  t.false((daemon.stderr + status.stdout + tested.stdout + check.stdout).includes('hunter2'));
});

test.serial('SIGHUP: a good file is taken over, a bad one is refused whole', async (t) => {
  const place = at(t, `${NO_DRIVE}mounts: [{ at: /a, driver: memory }]\n`);
  const daemon = await place.serve();
  const mounts = async () => {
    const { stdout } = await place.run(['mount', 'list', '--json']);
    return (JSON.parse(stdout) as { at: string; readOnly: boolean }[]).map(({ at: where, readOnly }) => [
      where,
      readOnly,
    ]);
  };
  t.deepEqual(await mounts(), [['/a', false]]);

  place.configure(
    `${NO_DRIVE}mounts: [{ at: /a, driver: memory, readOnly: true }, { at: /b, driver: memory }]\nnode: { name: other }\n`,
  );
  daemon.kill('SIGHUP');
  await daemon.until(/configuration read again/);
  t.regex(daemon.stderr, /"keys":\["node"\],"msg":"these keys take effect at the next start only"/);

  place.configure(`${NO_DRIVE}mounts: [{ at: /c, driver: memroy }]\n`);
  daemon.kill('SIGHUP');
  await daemon.until(/the configuration is refused/);
  t.regex(
    daemon.stderr,
    /isthmus\.yaml:5:28: mounts\[0\]\.driver: unknown driver \\"memroy\\"; did you mean \\"memory\\"\?/,
  );

  // The commands read the file too; as it was, they find the daemon and what it serves.
  place.configure(NO_DRIVE);
  t.deepEqual(await mounts(), [
    ['/a', true],
    ['/b', false],
  ]);
  t.is((await daemon.end('SIGTERM')).code, 0);
});

test.serial('a second daemon on the same state is refused, and the first goes on', async (t) => {
  const place = at(t);
  const daemon = await place.serve();
  const { code, stderr } = await place.run(['serve']);
  t.is(code, 1);
  t.regex(
    stderr,
    /^\S+\/data: in use by another isthmus \(pid \d+\); stop that one, or give this one its own node\.state\n$/,
  );
  t.is((await fetch(`${daemon.where('web')}healthz`)).status, 200);
});

async function taken(t: ExecutionContext): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

for (const door of ['web', 'sftp', 'metrics']) {
  test.serial(`a port that is taken: ${door}`, async (t) => {
    const port = await taken(t);
    const place = at(
      t,
      NO_DRIVE.replace(`${door}: { listen: "127.0.0.1:0" }`, `${door}: { listen: "127.0.0.1:${port}" }`),
    );
    const { code, stdout, stderr } = await place.run(['serve']);
    t.true(code === 1 || code === 78);
    t.is(stdout, 'first start: user admin, password in ./data/initial-password (0600)\n');
    const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    t.is(lines.length, 1, stderr);
    t.regex(lines[0]!, new RegExp(`${door}.*127\\.0\\.0\\.1:${port}.*taken`));
    // Nothing of what was started goes on: the state is free.
    place.configure(NO_DRIVE);
    t.is((await (await place.serve()).end('SIGTERM')).code, 0);
  });
}

test.serial('a state folder that cannot be made or written: one line that names it', async (t) => {
  const place = at(t);
  writeFileSync(place.path('file'), '');
  mkdirSync(place.path('closed'), { mode: 0o500 });
  const root = process.getuid!() === 0;
  if (root) execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'isthmus-test', place.path('closed')]);
  t.teardown(() => root && execFileSync('umount', [place.path('closed')]));
  const closed = root
    ? 'is on a file system that is read-only; name another folder'
    : 'is not writable; give it to the account that runs isthmus';
  for (const [state, why] of [
    ['./file', 'is not a folder; name one that is, or that can be made'],
    ['./file/below', 'lies below something that is not a folder'],
    ['./closed', closed],
    ['./closed/below', closed],
    ['/proc/isthmus', 'cannot be made (ENOENT)'],
  ]) {
    place.configure(`${NO_DRIVE}node: { state: ${state} }\n`);
    const { code, stdout, stderr } = await place.run(['serve']);
    t.is(stderr, `node.state: ${state} ${why}\n`);
    t.is(stdout, '');
    t.is(code, 1);
  }
});

test.serial('a state folder that is open to others is closed', async (t) => {
  const place = at(t);
  mkdirSync(place.path('data'));
  chmodSync(place.path('data'), 0o755);
  const daemon = await place.serve();
  t.is(statSync(place.path('data')).mode & 0o777, 0o700);
  t.is((await daemon.end('SIGTERM')).code, 0);
});

test.serial('killed with a drive mounted: the next start cleans up', async (t) => {
  if (!existsSync('/dev/fuse')) {
    t.pass('no /dev/fuse here');
    return;
  }
  const place = at(t, FREE_PORTS);
  const first = await place.serve();
  t.is(mountsBelow(place.folder).length, 1);
  await first.end('SIGKILL');
  t.is(mountsBelow(place.folder).length, 1, 'left over');
  const second = await place.serve();
  t.is(mountsBelow(place.folder).length, 1);
  writeFileSync(place.path('data/drive/x'), 'x');
  t.deepEqual(readdirSync(place.path('data/homes/admin')), ['x']);
  t.is((await second.end('SIGTERM')).code, 0);
  t.deepEqual(mountsBelow(place.folder), []);
});

test.serial('what is off is said to be off', async (t) => {
  const place = at(
    t,
    'web: { listen: off }\nsftp: { listen: off }\nmetrics: { listen: off }\ndrives: [{ path: d, as: nobody }]\n',
  );
  const daemon = await place.serve();
  t.regex(
    daemon.stdout,
    /^ready web=off\(switched off\) dav=off\(switched off\) sftp=off\(switched off\) drive=off\(there is no user nobody\) metrics=off\(switched off\)$/m,
  );
});

test.serial('a fault nobody caught: it is logged, the drive is unmounted, the exit code is not 0', async (t) => {
  const place = at(t, FREE_PORTS);
  const bomb = encodeURIComponent('process.on("SIGUSR2",()=>{throw new Error("boom")})');
  const daemon = await place.serve({ NODE_OPTIONS: `--import data:text/javascript,${bomb}` });
  const { code, stderr } = await daemon.end('SIGUSR2');
  t.is(code, 1);
  t.regex(stderr, /"message":"boom".*"msg":"a fault of the program: the daemon ends"/);
  t.deepEqual(mountsBelow(place.folder), []);
});

/** A PUT whose body comes when told. */
async function slowPut(place: Place, url: string) {
  const password = readFileSync(place.path('data/initial-password'), 'utf8').trim();
  const call = request(url, { method: 'PUT', auth: `admin:${password}`, headers: { 'content-length': '10' } });
  const status = new Promise<number | string>((done) => {
    call.on('response', (response) => done(response.resume().statusCode ?? 0));
    call.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? 'error'));
  });
  await new Promise<void>((done) => call.write('12345', () => done()));
  return { status, finish: () => call.end('67890') };
}

test.serial('SIGTERM lets an upload finish', async (t) => {
  const place = at(t);
  const daemon = await place.serve();
  const upload = await slowPut(place, `${daemon.where('dav')}slow`);
  // The request must have arrived, or there is nothing to wait for.
  await sleep(500);
  daemon.kill('SIGTERM');
  await daemon.until(/"msg":"stopping"/);
  await sleep(500);
  upload.finish();
  t.is(await upload.status, 201);
  t.is((await daemon.outcome).code, 0);
  t.is(readFileSync(place.path('data/homes/admin/slow'), 'utf8'), '1234567890');
});

test.serial('a second SIGTERM does not wait for an upload, and nothing of it is visible', async (t) => {
  const place = at(t);
  const daemon = await place.serve();
  const upload = await slowPut(place, `${daemon.where('dav')}slow`);
  await sleep(500);
  daemon.kill('SIGTERM');
  await daemon.until(/"msg":"stopping"/);
  t.is((await daemon.end('SIGTERM')).code, 1);
  t.is(typeof (await upload.status), 'string');
  t.false(existsSync(place.path('data/homes/admin/slow')));
});
