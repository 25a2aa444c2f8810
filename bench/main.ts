import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Measured, measure } from './measure.js';
import { startDrivePeers } from './peers/drive.js';
import { startIsthmus } from './peers/isthmus.js';
import { startSftpPeers } from './peers/sftp.js';
import { startWebDavPeers } from './peers/webdav.js';
import { type Rest, report, restOf } from './report.js';
import type { Subject } from './subject.js';
import { driveWorks } from './works/drive.js';
import { sftpWorks } from './works/sftp.js';
import { webdavWorks } from './works/webdav.js';

/*
 * npm run bench [-- --rounds N --size MIB --only drive,webdav,sftp]
 * Runs us and the peers in turn on the same work and writes bench/report.md.
 */

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '1024' },
    only: { type: 'string', default: 'drive,webdav,sftp' },
  },
});
const rounds = Number(values.rounds);
const size = Number(values.size);
const doors = values.only.split(',');
const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'isthmus-bench-'));
chmodSync(folder, 0o711);
const running: Subject[] = [];
const measured: Measured[] = [];
const rests: Rest[] = [];

function up<S extends Subject>(door: string, subjects: readonly S[]): readonly S[] {
  for (const subject of subjects) {
    if (!running.includes(subject)) running.push(subject);
    if (subject.pid !== 0) rests.push(restOf(door, subject));
  }
  return subjects;
}

/** After each door, so that a run that is ended early leaves what it measured. */
function save(): void {
  const command = `npm run bench${process.argv.length > 2 ? ` -- ${process.argv.slice(2).join(' ')}` : ''}`;
  writeFileSync(
    fileURLToPath(new URL('../../bench/report.md', import.meta.url)),
    report(measured, rests, command, rounds),
  );
}

try {
  const keyFile = join(folder, 'id');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', keyFile]);
  const ours = await startIsthmus(join(folder), keyFile);
  running.push(ours);
  const sftp = await startSftpPeers(folder, keyFile);
  running.push(...sftp);
  if (doors.includes('drive')) {
    const sshd = sftp[0];
    if (sshd === undefined) throw new Error('no sshd');
    const subjects = up('drive', [ours, ...(await startDrivePeers(folder, sshd))]);
    measured.push(...(await measure('drive', subjects, driveWorks(folder, size), rounds)));
    save();
  }
  if (doors.includes('webdav')) {
    const subjects = up('webdav', [ours, ...(await startWebDavPeers(folder))]);
    measured.push(...(await measure('webdav', subjects, webdavWorks(folder, size), rounds)));
    save();
  }
  if (doors.includes('sftp')) {
    const subjects = up('sftp', [ours, ...sftp]);
    measured.push(...(await measure('sftp', subjects, sftpWorks(folder, size), rounds)));
    save();
  }
} finally {
  for (const subject of running.reverse()) await subject.stop().catch((error: unknown) => console.error(error));
  rmSync(folder, { recursive: true, force: true });
}
