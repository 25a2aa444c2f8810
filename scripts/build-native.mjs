// Compiles the FUSE binding at install. Without a compiler the daemon still runs, with `drive=off(…)`, so a failure
// here is told in one line and does not fail the install.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../src/frontends/drive/native/', import.meta.url));
if (existsSync(`${folder}binding.gyp`)) {
  const { status, error, stderr } = spawnSync('node-gyp', ['rebuild', '--silent', '-C', folder], { encoding: 'utf8' });
  if (status !== 0) {
    const reason = error?.message ?? stderr.trim().split('\n').at(-1) ?? `exit ${status}`;
    console.error(`isthmus: the FUSE binding was not compiled (${reason}); the drive will be off`);
  }
}
