import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomFile, smallFiles, warm } from '../data.js';
import { run } from '../run.js';
import type { SftpSubject, Work } from '../subject.js';

/** The works of the SFTP door, all with OpenSSH's own client. */
export function sftpWorks(folder: string, mebibytes: number): Work<SftpSubject>[] {
  const upload = join(folder, 'upload.bin');
  const batch = (subject: SftpSubject, ...lines: readonly string[]) =>
    run(
      'sftp',
      [
        '-q',
        ...['-b', '-', '-i', subject.keyFile, '-P', String(subject.port)],
        ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
        ...['-o', 'IdentitiesOnly=yes', '-o', 'Ciphers=aes128-gcm@openssh.com'],
        `${subject.user}@127.0.0.1`,
      ],
      [`cd ${subject.directory}`, ...lines, ''].join('\n'),
    );
  const big = (subject: SftpSubject) => join(subject.root, 'big.bin');
  return [
    {
      name: `get of ${mebibytes} MiB`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: async (subject) => {
        await randomFile(big(subject), mebibytes);
        await warm(big(subject));
      },
      run: (subject) => batch(subject, 'get big.bin /dev/null'),
    },
    {
      name: `put of ${mebibytes} MiB`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: async (subject) => {
        rmSync(join(subject.root, 'up.bin'), { force: true });
        await randomFile(upload, mebibytes);
        await warm(upload);
      },
      run: (subject) => batch(subject, `put ${upload} up.bin`),
    },
    {
      name: 'put of 1,000 files of 4 KiB, 8 clients',
      unit: 'files',
      amount: 1000,
      prepare: async (subject) => {
        for (let i = 0; i < 8; i++) {
          smallFiles(join(folder, `small${i}`), 125, 4096);
          rmSync(join(subject.root, `small${i}`), { recursive: true, force: true });
          mkdirSync(join(subject.root, `small${i}`));
        }
      },
      run: async (subject) => {
        const clients = Array.from({ length: 8 }, (_, i) =>
          batch(subject, `cd small${i}`, `lcd ${join(folder, `small${i}`)}`, 'put *'),
        );
        await Promise.all(clients);
      },
    },
    {
      name: 'ls -l of 10,000 entries',
      unit: 'entries',
      amount: 10_000,
      prepare: async (subject) => smallFiles(join(subject.root, 'many'), 10_000, 16),
      run: (subject) => batch(subject, 'ls -l many'),
    },
  ];
}
