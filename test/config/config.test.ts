import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import * as v from 'valibot';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { nearest } from '../../src/config/nearest.js';
import { ConfigError } from '../../src/config/problem.js';
import { formatListen, parseDuration, parseListen, parseSize, parseUmask } from '../../src/config/units.js';
import { badFiles } from './bad-files.js';

const kinds = [
  { name: 'local', options: v.strictObject({ path: v.pipe(v.string(), v.metadata({ hostPath: true })) }) },
  { name: 'memory', options: v.strictObject({}) },
  { name: 's3', options: v.strictObject({ bucket: v.string(), pathStyle: v.optional(v.boolean(), true) }) },
  { name: 'sftp', options: v.strictObject({ host: v.string(), port: v.optional(v.number(), 22) }) },
];

const parse = (yaml: string, env = {}) => parseConfig(yaml, { file: './isthmus.yaml', folder: '/base', kinds, env });
const problems = (yaml: string, env = {}) => {
  try {
    parse(yaml, env);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
};

function folder(t: { teardown(clean: () => void): void }): string {
  const path = mkdtempSync(join(tmpdir(), 'isthmus-config-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const { name, yaml, env, says } of badFiles) {
  test(`bad: ${name}`, (t) => {
    const lines = problems(yaml, env);
    t.deepEqual(
      lines,
      says.map((line) => `./isthmus.yaml${line}`),
    );
  });
}

test('an empty file is the embedded defaults', (t) => {
  const config = parse('# nothing here\n');
  t.deepEqual(config.web, {
    listen: { host: '127.0.0.1', port: 8080 },
    url: undefined,
    tls: undefined,
    trustedProxies: [],
  });
  t.is(config.node.state, '/base/data');
  t.deepEqual(config.database, { kind: 'sqlite', path: '/base/data/isthmus.db' });
  t.deepEqual(config.cache, { path: '/base/data/cache', size: 10 * 1024 ** 3, maxAge: 60_000 });
  t.deepEqual(config.homes, {
    driver: 'local',
    options: { path: '/base/data/homes/%u', create: true },
    credentials: {},
  });
  t.is(config.drives[0]?.path, '/base/data/drive');
  t.is(config.drives[0]?.umask, 0o022);
});

test('what lies in the state folder follows it', (t) => {
  const config = parse('node: { state: /var/lib/isthmus }\n');
  t.is(config.database.path, '/var/lib/isthmus/isthmus.db');
  t.is(config.cache.path, '/var/lib/isthmus/cache');
  t.deepEqual(config.homes.options, { path: '/var/lib/isthmus/homes/%u', create: true });
  t.is(config.drives[0]?.path, '/var/lib/isthmus/drive');
});

test('what the daemon keeps for itself is found behind links too', (t) => {
  const base = folder(t);
  for (const name of ['state/homes', 'real/tree/drive', 'files']) mkdirSync(join(base, name), { recursive: true });
  symlinkSync('../state', join(base, 'files', 'link'));
  symlinkSync('loop', join(base, 'loop'));
  symlinkSync(join(base, 'real', 'tree', 'drive'), join(base, 'drive'));
  const told = (yaml: string) => {
    try {
      parseConfig(`node: { state: state }\n${yaml}`, { file: 'x', folder: base, kinds, env: {} });
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const mount = (path: string) => `mounts: [{ at: /a, driver: local, options: { path: ${path} } }]\n`;
  t.regex(told(mount('files/link')), /holds node\.state/);
  t.regex(told(mount('files/link/not/there/yet')), /lies in node\.state/);
  t.is(told(mount('files/link/homes/alice')), '');
  t.is(told(mount('files')), '', 'the driver follows no link out of its folder');
  t.is(told(mount('loop/x')), '');
  t.regex(told(`drives: [{ path: drive }]\n${mount('real')}`), /drives\[0\]\.path: lies in mounts\[0\]/);
  t.regex(told('homes: { driver: local, options: { path: files/link/%u } }\n'), /lies in node\.state/);
  t.is(told('homes: { driver: local, options: { path: files/link/homes/%u } }\n'), '');
});

test('host paths are relative to the file, those of drivers too', (t) => {
  const config = parse(
    'database: sqlite:x.db\ndrives: [{ path: d }]\nmounts: [{ at: /l, driver: local, options: { path: ../l } }]\n',
  );
  t.is(config.database.path, '/base/x.db');
  t.is(config.drives[0]?.path, '/base/d');
  t.deepEqual(config.mounts[0]?.options, { path: '/l' });
});

test('the contract reads as written', (t) => {
  const config = parse(`
node:   { name: node-a.example.org, state: ./data }
web:    { listen: 127.0.0.1:8080, url: https://node-a.example.org, trustedProxies: [] }
sftp:   { listen: 127.0.0.1:2022, hostKeys: [] }
drives: [ { path: ./data/drive, as: admin, allowOther: false, uid: 0, gid: 0, umask: "022" } ]
metrics: { listen: 127.0.0.1:9464 }
database: sqlite:./data/isthmus.db
cache:  { path: ./data/cache, size: 10GiB, maxAge: 60s }
homes:  { driver: local, options: { path: ./data/homes/%u } }
auth:
  local: { enabled: true }
mounts:
  - at: /archive
    driver: s3
    options: { bucket: archive }
    credentials: { mechanism: password, user: me, password: geheim }
    readOnly: false
    for: { users: [alice], groups: [staff] }
    fsync: storage
`);
  const mount = config.mounts[0];
  t.is(String(mount?.at), '/archive');
  t.deepEqual(mount?.options, { bucket: 'archive', pathStyle: true });
  t.is(mount?.credentials.password?.reveal(), 'geheim');
  t.false(inspect(config, { depth: 9 }).includes('geheim'));
  t.false(JSON.stringify(config).includes('geheim'));
});

test('a variable becomes what its place takes', (t) => {
  const config = parse(
    `drives: [{ path: "\${P}/d", uid: "\${ID}", allowOther: "\${YES}" }]\nmounts:\n  - at: /a\n    driver: sftp\n    options: { host: h, port: "\${ID}" }\n    credentials: { mechanism: password, user: u, password: "\${ID}$\${x}" }\n`,
    { P: '/p', ID: '1000', YES: 'true' },
  );
  t.is(config.drives[0]?.path, '/p/d');
  t.is(config.drives[0]?.uid, 1000);
  t.true(config.drives[0]?.allowOther);
  t.deepEqual(config.mounts[0]?.options, { host: 'h', port: 1000 });
  t.is(config.mounts[0]?.credentials.password?.reveal(), `1000\${x}`);
});

test('a secret from a file loses one newline', (t) => {
  const here = folder(t);
  writeFileSync(join(here, 'pw'), 'two\n\n');
  const yaml =
    'mounts: [{ at: /a, driver: memory, credentials: { mechanism: password, user: u, password: "file:pw" } }]\n';
  writeFileSync(join(here, 'c.yaml'), yaml);
  const config = loadConfig({ file: join(here, 'c.yaml'), kinds, env: {} });
  t.is(config.mounts[0]?.credentials.password?.reveal(), 'two\n');
});

test('search order: --config, ISTHMUS_CONFIG, ./isthmus.yaml, defaults', (t) => {
  const here = folder(t);
  const name = (options: Partial<Parameters<typeof loadConfig>[0]>) =>
    loadConfig({ kinds, env: {}, cwd: here, ...options }).node.name;
  t.is(name({}), 'localhost');
  for (const file of ['isthmus.yaml', 'env.yaml', 'flag.yaml']) {
    writeFileSync(join(here, file), `node: { name: ${file} }\n`);
  }
  t.is(name({}), 'isthmus.yaml');
  t.is(name({ env: { ISTHMUS_CONFIG: './env.yaml' } }), 'env.yaml');
  t.is(name({ env: { ISTHMUS_CONFIG: './env.yaml' }, file: 'flag.yaml' }), 'flag.yaml');
});

test('a file that was asked for must be there, and be text', (t) => {
  const here = folder(t);
  const says = (file: string) =>
    t.throws(() => loadConfig({ file, kinds, env: {}, cwd: here }), { instanceOf: ConfigError })?.message;
  t.is(says('no.yaml'), 'no.yaml: does not exist; name another with --config, or leave it out for the defaults');
  t.is(says('.'), '.: is a folder; name a file');
  writeFileSync(join(here, 'latin.yaml'), Buffer.from('node: { name: "\xe9" }', 'latin1'));
  t.is(says('latin.yaml'), 'latin.yaml: is not UTF-8 text; save it as UTF-8');
  writeFileSync(join(here, 'big.yaml'), `#${'x'.repeat(1_048_576)}`);
  t.is(says('big.yaml'), 'big.yaml: is larger than 1 MiB; it cannot be a configuration');
});

test('units', (t) => {
  t.is(parseDuration('60s'), 60_000);
  t.is(parseDuration('1.5h'), 5_400_000);
  t.is(parseDuration('250ms'), 250);
  t.is(parseDuration('60'), undefined);
  t.is(parseSize('10GiB'), 10 * 2 ** 30);
  t.is(parseSize('500MB'), 500_000_000);
  t.is(parseSize('7B'), 7);
  t.is(parseSize('7iB'), undefined);
  t.deepEqual(parseListen('[::1]:8080'), { host: '::1', port: 8080 });
  t.deepEqual(parseListen(':8080'), { port: 8080 });
  t.is(parseListen('::1:8080'), undefined);
  t.is(parseUmask('0027'), 0o27);
  t.is(parseUmask('999'), undefined);
  for (const text of ['[::1]:80', '127.0.0.1:0', ':22', 'a.example:65535'])
    t.is(formatListen(parseListen(text)!), text);
});

test('the nearest key', (t) => {
  t.is(nearest('bukcet', ['bucket', 'prefix']), 'bucket');
  t.is(nearest('Readonly', ['readOnly', 'for']), 'readOnly');
  t.is(nearest('xyz', ['bucket', 'prefix']), undefined);
});

test('no text makes it throw anything but ConfigError', (t) => {
  const piece = fc.oneof(
    fc.constantFrom(
      'web',
      'mounts',
      ': ',
      '\n',
      '  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '? ',
      '|',
      '>',
      '!!',
      '"',
      '\t',
      '${',
      '__proto__',
      '<<',
      'constructor',
    ),
    fc.string({ maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const lines = problems(pieces.join(''));
      return lines.every((line) => line.startsWith('./isthmus.yaml:'));
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
