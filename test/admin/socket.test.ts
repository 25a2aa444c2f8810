import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';
import * as v from 'valibot';
import { type Handler, handler } from '../../src/admin/handler.js';
import { AdminSocket } from '../../src/admin/socket.js';
import { VfsError } from '../../src/core/errors.js';
import { type Logger, noLog } from '../../src/core/log.js';
import { tempFolder } from '../support/temp.js';

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Speaks to a socket as the command does. */
function ask(file: string, path: string, body: string | Buffer = '{}', method = 'POST'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: file, path, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown }));
    });
    call.on('error', reject);
    call.end(body);
  });
}

const HANDLERS: Readonly<Record<string, Handler>> = {
  echo: handler(
    v.strictObject({ text: v.pipe(v.string(), v.maxLength(10)), n: v.optional(v.number()) }),
    (input) => input,
  ),
  nothing: handler(v.strictObject({}), () => undefined),
  'a/b': handler(v.strictObject({}), () => ({ deep: true })),
  refused: handler(v.strictObject({}), () => {
    throw new VfsError('EEXIST', 'x', 'y', { detail: 'there is one', cause: new Error('inner Secret-9') });
  }),
  later: handler(v.strictObject({}), () => {
    throw new VfsError('EUNAVAILABLE', 'x', 'y');
  }),
  broken: handler(v.strictObject({}), () => {
    throw new TypeError('bug at /home/secret/path');
  }),
};

async function serving(t: ExecutionContext, handlers = HANDLERS, log: Logger = noLog): Promise<string> {
  const file = join(await tempFolder(t), 'admin.sock');
  const socket = new AdminSocket({ file, handlers, log });
  t.teardown(() => socket.stop(0));
  t.is(await socket.start(), file);
  return file;
}

test('commands are answered, refusals say why and nothing more', async (t) => {
  const file = await serving(t);
  t.deepEqual(await ask(file, '/v1/echo', '{"text":"hé"}'), { status: 200, body: { text: 'hé' } });
  t.deepEqual(await ask(file, '/v1/nothing', ''), { status: 200, body: {} });
  t.deepEqual(await ask(file, '/v1/a/b'), { status: 200, body: { deep: true } });
  t.deepEqual(await ask(file, '/v1/refused'), {
    status: 422,
    body: { error: { code: 'EEXIST', message: 'there is one' } },
  });
  t.is((await ask(file, '/v1/later')).status, 503);
  t.deepEqual(await ask(file, '/v1/broken'), {
    status: 500,
    body: { error: { code: 'EIO', message: 'internal error; the log of the daemon has the details' } },
  });
});

test('malformed input is refused in one sentence that does not repeat it', async (t) => {
  let logged = '';
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged += String(chunk);
      done();
    },
  });
  const file = await serving(t, HANDLERS, pino({ level: 'trace' }, sink));
  const cases: readonly (readonly [string, string | Buffer, number, RegExp])[] = [
    ['/v1/echo', '{', 400, /not JSON/],
    ['/v1/echo', Buffer.from([0xff, 0xfe, 0]), 400, /not JSON/],
    ['/v1/echo', '[]', 400, /./],
    ['/v1/echo', 'null', 400, /expected/],
    ['/v1/echo', '{}', 400, /text/],
    ['/v1/echo', '{"text":{"Secret-1":"Secret-2"}}', 400, /text: string expected/],
    ['/v1/echo', '{"text":"Secret-3-too-long"}', 400, /text: <=10 expected/],
    ['/v1/echo', '{"text":"x","other":"Secret-4"}', 400, /other: there is no such field/],
    ['/v1/echo', '{"text":"x","__proto__":{"n":1}}', 400, /__proto__|no such field/],
    ['/v1/none', '{}', 404, /no command/],
    ['/v1/__proto__', '{}', 404, /no command/],
    ['/v1/constructor', '{}', 404, /no command/],
    ['/v1/../v1/echo', '{}', 404, /no command/],
    ['/v1/echo?x=Secret-5', '{}', 404, /no command/],
    ['/', '{}', 404, /no command/],
  ];
  for (const [path, body, status, message] of cases) {
    const answer = await ask(file, path, body);
    const { error } = answer.body as { error: { code: string; message: string } };
    t.is(answer.status, status, `${path} ${body}`);
    t.regex(error.message, message);
    if (status === 400) t.notRegex(error.message, /Secret/);
  }
  t.is((await ask(file, '/v1/echo', '{}', 'PUT')).status, 405);
  t.notRegex(logged, /Secret/);
  const large = await ask(file, '/v1/echo', `{"text":"${'x'.repeat(1024 * 1024)}"}`).catch(() => undefined);
  t.true(large === undefined || large.status === 413);
  t.deepEqual(await ask(file, '/v1/echo', '{"text":"still"}'), { status: 200, body: { text: 'still' } });
});

test('bytes that are no HTTP, and clients that leave, harm nobody', async (t) => {
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const file = await serving(t, {
    ...HANDLERS,
    wait: handler(v.strictObject({}), async (_input, { signal }) => {
      signal!.addEventListener('abort', end);
      begin();
      await ended;
    }),
  });
  const noise = connect(file);
  noise.on('error', () => {});
  const closed = new Promise((resolve) => noise.once('close', resolve));
  noise.resume().write(Buffer.alloc(100_000, 7));
  await closed;
  const leaving = connect(file);
  leaving.write('POST /v1/wait HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}');
  const torn = connect(file);
  torn.write('POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 200\r\n\r\n{"te');
  await begun;
  leaving.destroy();
  torn.destroy();
  await ended;
  t.is((await ask(file, '/v1/nothing')).status, 200);
});

test('only the account of the daemon may open it, from the first moment', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'admin.sock');
  const socket = new AdminSocket({ file, handlers: HANDLERS, log: noLog });
  const starting = socket.start();
  const seen = new Set<number>();
  let started = false;
  void starting.then(() => {
    started = true;
  });
  while (!started) {
    if (existsSync(file)) seen.add(statSync(file).mode & 0o777);
    await new Promise((resolve) => setImmediate(resolve));
  }
  seen.add(statSync(file).mode & 0o777);
  t.deepEqual([...seen], [0o600]);
  t.deepEqual(readdirSync(folder), ['admin.sock']);
  await socket.stop(Date.now());
  await socket.stop(Date.now());
  t.deepEqual(readdirSync(folder), []);
});

test('a socket in use is refused, one that a killed daemon left is replaced', async (t) => {
  const file = await serving(t);
  const second = new AdminSocket({ file, handlers: HANDLERS, log: noLog });
  await t.throwsAsync(second.start(), { message: /another daemon answers there/ });
  await second.stop(0);
  t.is((await ask(file, '/v1/nothing')).status, 200, 'the first one serves on');

  const folder = await tempFolder(t);
  const left = join(folder, 'admin.sock');
  const child = fork(fileURLToPath(new URL('./leave-socket.js', import.meta.url)), [left]);
  await once(child, 'message');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true(statSync(left).isSocket());
  const next = new AdminSocket({ file: left, handlers: HANDLERS, log: noLog });
  t.teardown(() => next.stop(0));
  await next.start();
  t.is((await ask(left, '/v1/nothing')).status, 200);
});

test('where no socket can be made, the start says so', async (t) => {
  const folder = join(await tempFolder(t), 'x'.repeat(120));
  mkdirSync(folder);
  const long = new AdminSocket({ file: join(folder, 'admin.sock'), handlers: HANDLERS, log: noLog });
  await t.throwsAsync(long.start(), { message: /at most 107 bytes/ });
  t.deepEqual(readdirSync(folder), []);
  const nowhere = new AdminSocket({ file: join(folder, 'none', 'admin.sock'), handlers: HANDLERS, log: noLog });
  await t.throwsAsync(nowhere.start(), { message: /cannot be made/ });
});
