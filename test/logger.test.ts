import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/** Runs `script` with a logger of the daemon as `log`. @returns what went to stderr, line by line */
function logged(script: string): Record<string, unknown>[] {
  const url = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const program = `
    import { makeLogger } from ${url('../src/logger.js')};
    import { Secret } from ${url('../src/core/secret.js')};
    import { VfsError } from ${url('../src/core/errors.js')};
    const log = makeLogger('info');
    ${script}`;
  const { stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('promise 8: no secret reaches the log, at whatever depth and whoever logs it', (t) => {
  const lines = logged(`
    const headers = { Authorization: 'hunter2', 'Set-Cookie': ['hunter2'], accept: 'text/plain' };
    log.info({ password: 'hunter2', user: 'alice' }, 'top');
    log.info({ options: { newPassword: 'hunter2', deep: { request: { headers } } } }, 'deep');
    log.info({ list: [{ secretKey: 'hunter2' }, { bindPassword: 4711, name: 'x' }] }, 'list');
    log.info({ secret: new Secret('hunter2'), given: new Secret('hunter2') }, 'a Secret');
    log.child({ token: 'hunter2', door: 'sftp' }).child({ credentials: { passphrase: 'hunter2' } }).warn({}, 'child');
    log.error({ err: new VfsError('EIO', 'get', '/a', { cause: Object.assign(new Error('no'), { headers }) }) }, 'error');
    log.error({ err: Object.assign(new Error('no'), { config: { password: 'hunter2' } }) }, 'foreign error');
    log.error({ err: { password: 'hunter2', message: 'no error at all' } }, 'no error');
    log.error({ failure: Object.assign(new Error('no'), { headers }) }, 'an error elsewhere');
    const loop = { token: 'hunter2' }; loop.loop = loop;
    log.info({ loop }, 'circle');
    let deep = { password: 'hunter2' };
    for (let i = 0; i < 9; i++) deep = { deep };
    log.info(deep, 'abyss');
    log.info({ mtime: new Date(0), url: new URL('http://a/'), none: null, cookie: undefined }, 'others');
  `);
  t.is(lines.length, 12);
  for (const line of lines) {
    const text = JSON.stringify(line);
    t.false(/hunter2|4711/.test(text), text);
  }
  t.like(lines[0], { msg: 'top', password: '[secret]', user: 'alice' });
  t.like(lines[1], {
    options: {
      newPassword: '[secret]',
      deep: { request: { headers: { Authorization: '[secret]', accept: 'text/plain' } } },
    },
  });
  t.like(lines[2], { list: [{ secretKey: '[secret]' }, { bindPassword: '[secret]', name: 'x' }] });
  t.like(lines[4], { token: '[secret]', door: 'sftp', credentials: { passphrase: '[secret]' } });
  t.like(lines[11], { mtime: '1970-01-01T00:00:00.000Z', url: 'http://a/', none: null });
});

test('the level holds for children made before it was set, and what is logged is not changed', (t) => {
  const lines = logged(`
    const early = log.child({ door: 'web' });
    early.debug({}, 'not yet');
    log.setLevel('debug');
    const fields = { a: { password: 'hunter2' } };
    early.debug(fields, 'now');
    early.info({ still: fields.a.password === 'hunter2' }, 'same');
  `);
  t.deepEqual(
    lines.map(({ msg }) => msg),
    ['now', 'same'],
  );
  t.like(lines[1], { still: true, door: 'web' });
});
