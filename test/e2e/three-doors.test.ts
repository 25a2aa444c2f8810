import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { inParallel } from '../../src/vfs/in-parallel.js';
import { type S3Server, startRadosgw } from '../servers/radosgw.js';
import { type Sshd, startSshd } from '../servers/sshd.js';
import { FREE_PORTS, Place, type Running } from '../support/place.js';

/*
 * The main job, end to end: one daemon with a local folder, a real sshd and a real S3 server in one tree, used through
 * the drive (from this process: the daemon is another), over WebDAV with curl, and over SFTP with OpenSSH's clients.
 */

const exec = promisify(execFile);
const MOUNTS = ['', '/local', '/sftp', '/s3'];

interface House {
  readonly daemon: Running;
  readonly dav: string;
  readonly password: string;
  readonly folder: string;
  readonly drive: string;
  /** Runs curl on a path of the tree and returns what it printed. */
  curl(path: string, ...args: string[]): Promise<Buffer>;
  /** Runs lines in OpenSSH's sftp. */
  sftp(...lines: string[]): Promise<string>;
  scp(from: string, to: string): Promise<unknown>;
  /** Options of OpenSSH's clients. */
  readonly ssh: readonly string[];
  /** `path` as scp wants it. */
  remote(path: string): string;
}

let house: House;
let config: string;
const closing: (() => Promise<unknown>)[] = [];
test.before(async (t) => {
  t.timeout(180_000);
  const place = new Place();
  closing.push(() => place.remove());
  const [sshd, s3] = await Promise.all([startSshd(), startRadosgw()]);
  closing.push(
    () => sshd.stop(),
    () => s3.stop(),
  );
  await makeBucket(s3, 'tree');
  await mkdir(place.path('local'));
  await writeFile(place.path('s3-secret'), s3.secretKey, { mode: 0o600 });
  await writeFile(place.path('ssh-key'), await readFile(sshd.key), { mode: 0o600 });
  config = configuration(sshd, s3, place.folder);
  place.configure(config);
  // Counting what runs (npm test prints coverage) takes memory that is not the daemon's: 283 MiB instead of its own.
  const daemon = await place.serve({ NODE_V8_COVERAGE: undefined });
  closing.push(() => daemon.end('SIGTERM'));
  const password = (await readFile(place.path('data/initial-password'), 'utf8')).trim();
  await exec('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', place.path('id')]);
  const added = await place.run(['user', 'key', 'add', 'admin', place.path('id.pub')]);
  if (added.code !== 0) throw new Error(`user key add: ${added.stderr}`);
  const ssh = [
    ...['-i', place.path('id'), '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=no'],
    ...['-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
  ];
  const { port } = new URL(daemon.where('sftp'));
  const dav = daemon.where('dav');
  house = {
    daemon,
    dav,
    password,
    folder: place.folder,
    drive: place.path('drive'),
    async curl(path, ...args) {
      const url = dav + path.slice(1).split('/').map(encodeURIComponent).join('/');
      const options = ['-sS', '--fail-with-body', '-u', `admin:${password}`, ...args, url];
      const { stdout } = await exec('curl', options, { encoding: 'buffer', maxBuffer: 1 << 28 });
      return stdout;
    },
    async sftp(...lines) {
      const child = exec('sftp', ['-q', '-b', '-', '-P', port, ...ssh, 'admin@127.0.0.1'], { maxBuffer: 1 << 26 });
      child.child.stdin?.end(`${lines.join('\n')}\n`);
      return (await child).stdout;
    },
    ssh,
    scp: (from, to) => exec('scp', ['-q', '-P', port, ...ssh, from, to]),
    remote: (path) => `admin@127.0.0.1:${path}`,
  };
});

test.after.always(async () => {
  for (const act of closing.reverse()) await act();
});

/** A drive, and a mount on each of the servers; `folder` holds the local files and the secrets. */
function configuration(sshd: Sshd, s3: S3Server, folder: string): string {
  return `${FREE_PORTS}
drives: [ { path: ./drive, as: admin } ]
mounts:
  - { at: /local, driver: local, options: { path: ${folder}/local } }
  - at: /sftp
    driver: sftp
    options: { host: ${sshd.host}, port: ${sshd.port}, path: ${sshd.path}, hostKey: "${sshd.fingerprint}" }
    credentials: { mechanism: key, user: ${sshd.user}, privateKey: "file:${folder}/ssh-key" }
  - at: /s3
    driver: s3
    options: { endpoint: "${s3.endpoint}", region: ${s3.region}, bucket: tree }
    credentials: { mechanism: password, user: ${s3.accessKey}, password: "file:${folder}/s3-secret" }
`;
}

async function makeBucket(s3: { endpoint: string; accessKey: string; secretKey: string }, name: string): Promise<void> {
  const { host } = new URL(s3.endpoint);
  await exec('s3cmd', [
    ...[`--access_key=${s3.accessKey}`, `--secret_key=${s3.secretKey}`, `--host=${host}`, `--host-bucket=${host}`],
    ...['--no-ssl', '--config=/dev/null', 'mb', `s3://${name}`],
  ]);
}

async function digest(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

const nameOf = (mount: string): string => (mount === '' ? 'home' : mount.slice(1));

/** The same bytes must come out of every door. */
async function everywhere(t: ExecutionContext, path: string, bytes: Buffer): Promise<void> {
  const copy = join(house.folder, `copy-${randomBytes(6).toString('hex')}`);
  t.true((await readFile(house.drive + path)).equals(bytes), `${path} on the drive`);
  t.true((await house.curl(path)).equals(bytes), `${path} over WebDAV`);
  await house.sftp(`get "${path}" "${copy}"`);
  t.true((await readFile(copy)).equals(bytes), `${path} over SFTP`);
  await rm(copy);
}

for (const mount of MOUNTS) {
  const where = nameOf(mount);

  test(`${where}: a file made through one door is the same through the others`, async (t) => {
    const bytes = randomBytes(3_000_001);
    const local = join(house.folder, `up-${where}`);
    await writeFile(local, bytes);
    await mkdir(`${house.drive}${mount}/made`);
    await writeFile(`${house.drive}${mount}/made/by drive ü.bin`, bytes);
    await everywhere(t, `${mount}/made/by drive ü.bin`, bytes);
    await house.curl(`${mount}/made/by dav.bin`, '-T', local);
    await everywhere(t, `${mount}/made/by dav.bin`, bytes);
    await house.sftp(`put "${local}" "${mount}/made/by sftp.bin"`);
    await everywhere(t, `${mount}/made/by sftp.bin`, bytes);
    await house.scp(local, house.remote(`${mount}/made/by-scp.bin`));
    await everywhere(t, `${mount}/made/by-scp.bin`, bytes);
    const expected = ['by dav.bin', 'by drive ü.bin', 'by sftp.bin', 'by-scp.bin'];
    t.deepEqual((await readdir(`${house.drive}${mount}/made`)).sort(), expected);
  });

  test(`${where}: overwrite, append, truncate, write inside, ranges`, async (t) => {
    const path = `${mount}/edited`;
    await writeFile(house.drive + path, 'first content');
    await everywhere(t, path, Buffer.from('first content'));
    const local = join(house.folder, `over-${where}`);
    await writeFile(local, 'second');
    await house.curl(path, '-T', local);
    await everywhere(t, path, Buffer.from('second'));
    await appendFile(house.drive + path, ' and more');
    await everywhere(t, path, Buffer.from('second and more'));
    await truncate(house.drive + path, 8);
    await everywhere(t, path, Buffer.from('second a'));
    const file = await open(house.drive + path, 'r+');
    await file.write('XY', 2);
    await file.sync();
    await everywhere(t, path, Buffer.from('seXYnd a'));
    await file.close();
    await writeFile(local, 'third, by sftp');
    await house.sftp(`put "${local}" "${path}"`);
    await everywhere(t, path, Buffer.from('third, by sftp'));
    t.is((await house.curl(path, '-r', '7-8')).toString(), 'by');
    t.is((await house.curl(path, '-r', '-4')).toString(), 'sftp');
    await writeFile(house.drive + path, '');
    await everywhere(t, path, Buffer.alloc(0));
  });

  test(`${where}: rename and delete through each door, seen at once through the others`, async (t) => {
    const folder = `${mount}/moved`;
    await mkdir(house.drive + folder);
    await writeFile(`${house.drive}${folder}/a`, 'a');
    await house.curl(`${folder}/a`, '-X', 'MOVE', '-H', `Destination: ${house.dav}${folder.slice(1)}/b`);
    t.deepEqual(await readdir(house.drive + folder), ['b']);
    await house.sftp(`rename "${folder}/b" "${folder}/c"`);
    t.deepEqual(await readdir(house.drive + folder), ['c']);
    await rename(`${house.drive}${folder}/c`, `${house.drive}${folder}/d`);
    t.is((await house.curl(`${folder}/d`)).toString(), 'a');
    t.regex(await house.sftp(`ls -1 "${folder}"`), /\/d\s*$/m);
    await rename(house.drive + folder, `${house.drive}${folder}2`);
    t.is((await house.curl(`${folder}2/d`)).toString(), 'a');
    await house.curl(`${folder}2/d`, '-X', 'DELETE');
    await t.throwsAsync(stat(`${house.drive}${folder}2/d`), { code: 'ENOENT' });
    await writeFile(`${house.drive}${folder}2/e`, 'e');
    await house.sftp(`rm "${folder}2/e"`);
    t.deepEqual(await readdir(`${house.drive}${folder}2`), []);
    await house.sftp(`rmdir "${folder}2"`);
    await t.throwsAsync(stat(`${house.drive}${folder}2`), { code: 'ENOENT' });
    await t.throwsAsync(house.curl(`${folder}2/`), { message: /404/ });
  });

  test(`${where}: a folder of 10,000 entries lists whole through every door`, async (t) => {
    t.timeout(240_000);
    const folder = `${mount}/many`;
    await house.curl(`${folder}/`, '-X', 'MKCOL');
    const names = Array.from({ length: 10_000 }, (_, index) => `f${String(index).padStart(5, '0')}`);
    const authorization = `Basic ${Buffer.from(`admin:${house.password}`).toString('base64')}`;
    await inParallel(names, 16, async (name) => {
      const url = `${house.dav}${folder.slice(1)}/${name}`;
      const response = await fetch(url, { method: 'PUT', body: name, headers: { authorization } });
      await response.arrayBuffer();
      if (response.status !== 201) throw new Error(`${name}: ${response.status}`);
    });
    t.deepEqual((await readdir(house.drive + folder)).sort(), names);
    const listing = (await house.curl(`${folder}/`, '-X', 'PROPFIND', '-H', 'Depth: 1')).toString();
    t.is(listing.match(/<D:response>/g)?.length, 10_001);
    const listed = (await house.sftp(`ls -1 "${folder}"`)).split('\n').filter((line) => line.includes('/f'));
    t.is(listed.length, 10_000);
    await house.curl(`${folder}/`, '-X', 'DELETE', '-m', '200');
    await t.throwsAsync(stat(house.drive + folder), { code: 'ENOENT' });
  });
}

test('copies and moves between all mounts, by WebDAV and by cp and mv', async (t) => {
  t.timeout(120_000);
  for (const from of MOUNTS) {
    for (const to of MOUNTS) {
      if (from === to) continue;
      const name = `${nameOf(from)}-to-${nameOf(to)}`;
      const bytes = randomBytes(1_200_000);
      await mkdir(`${house.drive}${from}/${name}`);
      await writeFile(`${house.drive}${from}/${name}/f`, bytes);
      const destination = `Destination: ${house.dav}${to.slice(1)}${to === '' ? '' : '/'}${name}-dav`;
      await house.curl(`${from}/${name}`, '-X', 'COPY', '-H', destination);
      await everywhere(t, `${to}/${name}-dav/f`, bytes);
      await exec('cp', ['-r', `${house.drive}${from}/${name}`, `${house.drive}${to}/${name}-cp`]);
      await everywhere(t, `${to}/${name}-cp/f`, bytes);
      await exec('mv', [`${house.drive}${from}/${name}`, `${house.drive}${to}/${name}-mv`]);
      await everywhere(t, `${to}/${name}-mv/f`, bytes);
      await t.throwsAsync(stat(`${house.drive}${from}/${name}`), { code: 'ENOENT' });
    }
  }
});

/** Peak resident memory of a process, in MiB. */
async function peakOf(pid: number): Promise<number> {
  return Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

test.serial('5 GiB through every door and onto every mount, each within 200 MiB of memory', async (t) => {
  t.timeout(900_000);
  const { folder } = house;
  const [big, back] = [join(folder, 'big.bin'), join(folder, 'back.bin')];
  const file = await open(big, 'w');
  const chunk = randomBytes(1 << 20);
  for (let at = 0; at < 5 * 1024; at++) {
    chunk.writeUInt32LE(at, 0); // no two alike: a swapped or repeated piece shows
    await file.write(chunk);
  }
  await file.close();
  const sum = await digest(big);

  // A daemon for each transfer, on the same storages: the peak is that of the transfer.
  const place = new Place(config);
  t.teardown(() => place.remove());
  const transfer = async (what: string, act: (daemon: Running, login: string) => Promise<unknown>): Promise<void> => {
    const daemon = await place.serve({ NODE_V8_COVERAGE: undefined });
    const password = (await readFile(place.path('data/initial-password'), 'utf8')).trim();
    await place.run(['user', 'key', 'add', 'admin', join(folder, 'id.pub')]);
    await act(daemon, `admin:${password}`);
    const peak = Math.round(await peakOf(daemon.pid));
    await daemon.end('SIGTERM');
    t.log(`${what}: peak resident memory ${peak} MiB`);
    t.true(peak <= 200, `${what}: peak resident memory ${peak} MiB`);
  };
  const curl = (login: string, ...args: string[]) => exec('curl', ['-sS', '--fail-with-body', '-u', login, ...args]);
  const scp = (daemon: Running, from: string, to: string) =>
    exec('scp', ['-q', '-P', new URL(daemon.where('sftp')).port, ...house.ssh, from, to]);

  await transfer('WebDAV PUT to S3', (daemon, login) => curl(login, '-T', big, `${daemon.where('dav')}s3/big.bin`));
  await transfer('WebDAV GET from S3', (daemon, login) => curl(login, '-o', back, `${daemon.where('dav')}s3/big.bin`));
  t.is(await digest(back), sum, 'WebDAV to S3 and back');
  await transfer('cp on the drive from S3 to the SFTP server', () =>
    exec('cp', [place.path('drive/s3/big.bin'), place.path('drive/sftp/big.bin')]),
  );
  await house.curl('/s3/big.bin', '-X', 'DELETE');
  await transfer('scp from the SFTP server', (daemon) => scp(daemon, house.remote('/sftp/big.bin'), back));
  t.is(await digest(back), sum, 'on the drive from S3 to the SFTP server, and back by scp');
  await house.curl('/sftp/big.bin', '-X', 'DELETE');
  await transfer('scp to the local folder', (daemon) => scp(daemon, back, house.remote('/local/big.bin')));
  t.is(await digest(join(folder, 'local/big.bin')), sum, 'scp to the local folder');
  for (const path of [big, back, join(folder, 'local/big.bin')]) await rm(path);
});
