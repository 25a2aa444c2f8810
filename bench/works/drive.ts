import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { randomFile, smallFiles, warm } from '../data.js';
import { run } from '../run.js';
import type { DriveSubject, Work } from '../subject.js';

const SMALL_FILES = fileURLToPath(new URL('../small-files.js', import.meta.url));

/** The works of the drive, with the tools of every shell, in processes of their own. */
export function driveWorks(folder: string, mebibytes: number): Work<DriveSubject>[] {
  const upload = join(folder, 'upload.bin');
  const at = (subject: DriveSubject, name: string) => join(subject.path, name);
  // Data is laid out behind the mounts' backs: under a name that was never looked up, and after the second for which
  // the peers are told to keep a listing.
  let fresh = 0;
  const current = new Map<DriveSubject, string>();
  const layOut = async (subject: DriveSubject, make: (path: string) => Promise<void>) => {
    const before = current.get(subject);
    if (before !== undefined) rmSync(join(subject.root, before), { recursive: true, force: true });
    const name = `fresh${++fresh}`;
    current.set(subject, name);
    await make(join(subject.root, name));
    await sleep(1500);
  };
  const laidOut = (subject: DriveSubject) => at(subject, current.get(subject) ?? '');
  const big = (subject: DriveSubject) =>
    layOut(subject, async (path) => {
      await randomFile(path, mebibytes);
      await warm(path);
    });
  return [
    {
      name: `first read of ${mebibytes} MiB (dd, 1 MiB)`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: big,
      run: (subject) => run('dd', [`if=${laidOut(subject)}`, 'of=/dev/null', 'bs=1M', 'status=none']),
    },
    {
      name: `write of ${mebibytes} MiB and fsync (dd, 1 MiB)`,
      unit: 'MiB',
      amount: mebibytes,
      prepare: async (subject) => {
        rmSync(join(subject.root, `up${fresh}.bin`), { force: true });
        await randomFile(upload, mebibytes);
        await warm(upload);
      },
      run: (subject) =>
        run('dd', [`if=${upload}`, `of=${at(subject, `up${++fresh}.bin`)}`, 'bs=1M', 'conv=fsync', 'status=none']),
    },
    {
      name: '4,000 random reads of 64 KiB, 8 jobs (fio)',
      unit: 'reads',
      amount: 4000,
      prepare: big,
      run: (subject) =>
        run('fio', [
          ...['--name=r', '--rw=randread', '--bs=64k', '--numjobs=8', '--number_ios=500', '--ioengine=psync'],
          ...[`--filename=${laidOut(subject)}`, '--group_reporting', '--norandommap', '--invalidate=0'],
        ]),
    },
    {
      name: '1,000 files of 4 KiB created, written and closed, 8 clients',
      unit: 'files',
      amount: 1000,
      prepare: (subject) => layOut(subject, async (path) => void mkdirSync(path)),
      run: async (subject) => {
        const clients = Array.from({ length: 8 }, (_, i) =>
          run(process.execPath, [SMALL_FILES, join(laidOut(subject), String(i)), '125']),
        );
        await Promise.all(clients);
      },
    },
    {
      name: 'ls -l of 10,000 entries',
      unit: 'entries',
      amount: 10_000,
      prepare: (subject) => layOut(subject, async (path) => smallFiles(path, 10_000, 16)),
      run: (subject) => run('ls', ['-l', laidOut(subject)]),
    },
  ];
}
