import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomFile, smallFiles, warm } from '../data.js';
import { run } from '../run.js';
import type { WebDavSubject, Work } from '../subject.js';

const CLIENT = fileURLToPath(new URL('../http-client.js', import.meta.url));

/** The works of the WebDAV door. `folder` holds what the clients need. */
export function webdavWorks(folder: string, mebibytes: number): Work<WebDavSubject>[] {
  const upload = join(folder, 'upload.bin');
  const plan = join(folder, 'plan.json');
  const login = (subject: WebDavSubject) => ['-u', `${subject.user}:${subject.password}`];
  const requests = async (subject: WebDavSubject, options: Record<string, unknown>) => {
    const url = new URL(subject.url);
    writeFileSync(
      plan,
      JSON.stringify({
        origin: url.origin,
        authorization: `Basic ${Buffer.from(`${subject.user}:${subject.password}`).toString('base64')}`,
        connections: 8,
        fileBytes: mebibytes << 20,
        ...options,
        path: url.pathname + options.path,
      }),
    );
    await run(process.execPath, [CLIENT, plan]);
  };
  const big = (subject: WebDavSubject) => join(subject.root, 'big.bin');
  return [
    {
      name: `GET of ${mebibytes} MiB (curl)`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: async (subject) => {
        await randomFile(big(subject), mebibytes);
        await warm(big(subject));
      },
      run: (subject) => run('curl', ['-fsS', '-o', '/dev/null', ...login(subject), `${subject.url}big.bin`]),
    },
    {
      name: `PUT of ${mebibytes} MiB (curl)`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: async (subject) => {
        rmSync(join(subject.root, 'up.bin'), { force: true });
        await randomFile(upload, mebibytes);
        await warm(upload);
      },
      run: (subject) => run('curl', ['-fsS', '-T', upload, ...login(subject), `${subject.url}up.bin`]),
    },
    {
      name: '4,000 ranges of 64 KiB, 8 clients',
      unit: 'requests',
      amount: 4000,
      prepare: async (subject) => {
        await randomFile(big(subject), mebibytes);
        await warm(big(subject));
      },
      run: (subject) => requests(subject, { kind: 'range', path: 'big.bin', count: 4000, bytes: 65_536 }),
    },
    {
      name: 'PUT of 1,000 files of 4 KiB, 8 clients',
      unit: 'files',
      amount: 1000,
      prepare: async (subject) => {
        rmSync(join(subject.root, 'put'), { recursive: true, force: true });
        mkdirSync(join(subject.root, 'put'));
        chmodSync(join(subject.root, 'put'), 0o777);
      },
      run: (subject) => requests(subject, { kind: 'put', path: 'put/', count: 1000, bytes: 4096 }),
    },
    {
      name: 'GET of 1,000 files of 4 KiB, 8 clients',
      unit: 'files',
      amount: 1000,
      prepare: async (subject) => smallFiles(join(subject.root, 'get'), 1000, 4096),
      run: (subject) => requests(subject, { kind: 'get', path: 'get/', count: 1000, bytes: 4096 }),
    },
    {
      name: 'PROPFIND of 10,000 entries',
      unit: 'entries',
      amount: 10_000,
      prepare: async (subject) => smallFiles(join(subject.root, 'many'), 10_000, 16),
      run: (subject) =>
        requests(subject, { kind: 'propfind', path: 'many/', count: 1, connections: 1, bytes: 1_000_000 }),
    },
  ];
}
