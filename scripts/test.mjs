// npm test: the packages that real servers need, lint, every test with coverage, and one last line to read:
// `N passed, N failed`. Arguments are passed on to ava (files, --match).
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => `${root}/node_modules/.bin/${name}`;
const run = (command, args) => spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
let passed = 0;
let failed = 0;

const missing = packages();
if (!run(bin('biome'), ['check', '--diagnostic-level=error', '.'])) failed += 1;

const ava = [bin('ava'), ...process.argv.slice(2)];
// c8 hands its settings on to every Node process below it, the daemons that tests start included.
const status = await count(bin('c8'), [
  '--reporter=text-summary',
  '--reporter=json-summary',
  '--include=dist/src/**',
  '--include=dist/mounts/**',
  '--include=src/**',
  '--include=mounts/**',
  ...ava,
]);
if (status !== 0 && failed === 0) failed = 1;

for (const line of missing) console.log(`not installed: ${line}`);
if (missing.length > 0 && process.env.CI === 'true') failed += 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Installs what is missing when root; else says what will not run. */
function packages() {
  const script = `${root}/test/servers/install.sh`;
  if (process.getuid() === 0) run(script, []);
  const { stdout } = spawnSync(script, ['--check'], { encoding: 'utf8' });
  const lines = stdout.split('\n').filter(Boolean);
  const told = lines.map((line) => {
    const [name, ...suites] = line.split(/\s+/);
    return `${name}: without it these suites fail or do not run: ${suites.join(', ')}`;
  });
  for (const line of told) console.error(`not installed: ${line}`);
  return told;
}

/** Runs ava as it is, and adds up what it says of each test. */
function count(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      // A terminal of this name has the marks that `tally` looks for.
      env: { ...process.env, FORCE_COLOR: '0', TERM: 'xterm' },
    });
    let line = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      process.stdout.write(text);
      const lines = (line + text).split('\n');
      line = lines.pop();
      for (const one of lines) tally(one);
    });
    child.on('close', (code) => {
      tally(line);
      resolve(code ?? 1);
    });
  });
}

/** Line by line: ava's summary leaves out what passed when something failed. */
function tally(line) {
  if (/^\s*✔ /.test(line)) passed += 1;
  else if (/^\s*(✘ |Uncaught exception in|Unhandled rejection in)/.test(line)) failed += 1;
}
