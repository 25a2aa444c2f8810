import { spawn } from 'node:child_process';
import test from 'ava';
import { isInstalled } from '../../servers/process.js';
import { tempFolder } from '../../support/temp.js';
import { localHomes, webdavServer } from '../../support/webdav.js';

/** What Debian's litmus 0.13 has in each suite; all of it must pass. */
const SUITES = { basic: 16, copymove: 13, props: 30, locks: 41, http: 4 };

/** Runs litmus to its end, pass or fail, and returns what it printed. */
function litmus(url: string, cwd: string, suite: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('litmus', [url, 'alice', 'alice-secret'], {
      cwd,
      env: { ...process.env, TESTS: suite },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 120_000,
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

for (const [suite, count] of Object.entries(SUITES)) {
  test(`litmus ${suite}: all of ${count}`, async (t) => {
    t.timeout(150_000);
    if (!isInstalled('litmus')) throw new Error('litmus is not installed (Debian: litmus)');
    const folder = await tempFolder(t);
    const { dav } = await webdavServer(t, { home: localHomes(folder) });
    const output = await litmus(dav, folder, suite);
    const summary = /summary for `\w+': of (\d+) tests run: (\d+) passed, (\d+) failed/.exec(output);
    t.log(
      output
        .split('\n')
        .filter((line) => /FAIL|WARNING|summary/.test(line))
        .join('\n'),
    );
    t.deepEqual(summary?.slice(1).map(Number), [count, count, 0], output);
  });
}
