import test from 'ava';
import { type Driver, TEMPORARY_PREFIX, type Traits } from '../../mounts/driver.js';
import type { Clock } from '../../mounts/layers/clock.js';
import { type LayerOptions, layered } from '../../mounts/layers/index.js';
import { type Bytes, collect, once } from '../../src/core/bytes.js';
import type { Entry } from '../../src/core/entry.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import { noLog } from '../../src/core/log.js';
import type { Meter } from '../../src/core/meter.js';
import { type Path, parsePath, ROOT } from '../../src/core/path.js';

/** Time that passes only when told to; everything promised is given a chance to run in between. */
class VirtualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<object, { at: number; action: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const key = {};
    this.#timers.set(key, { at: this.#now + ms, action });
    return () => this.#timers.delete(key);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].action();
      await settled();
    }
    this.#now = end;
  }

  get pending(): number {
    return this.#timers.size;
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const never = <T>(): Promise<T> => new Promise<T>(() => {});

class CountingMeter implements Meter {
  readonly values = new Map<string, number>();
  readonly #instrument = (name: string) => ({
    add: (labels: readonly string[], by = 1) => this.#set(name, labels, (value) => value + by),
    set: (labels: readonly string[], to: number) => this.#set(name, labels, () => to),
    observe: (labels: readonly string[]) => this.#set(name, labels, (value) => value + 1),
    remove() {},
  });
  counter = this.#instrument;
  gauge = this.#instrument;
  histogram = this.#instrument;

  #set(name: string, labels: readonly string[], change: (value: number) => number): void {
    const key = `${name}{${labels.join(',')}}`;
    this.values.set(key, change(this.values.get(key) ?? 0));
  }
}

const traits: Traits = {
  kind: 'scripted',
  atomicConditions: false,
  atomicRename: true,
  caseSensitive: true,
  permissions: false,
};
const entry: Entry = { name: 'f', kind: 'file', size: 3, mtime: 0, etag: '1' };
const file = parsePath('/f');
const unavailable = (op = 'stat'): VfsError => new VfsError('EUNAVAILABLE', op, file);

/** A driver whose answers the test writes; methods not given fail the test by their message. */
function scripted(methods: Partial<Driver>): Driver {
  const unexpected = async (): Promise<never> => {
    throw new Error('the test did not expect this call');
  };
  return {
    traits,
    stat: unexpected,
    // biome-ignore lint/correctness/useYield: it fails before the first page
    async *list() {
      await unexpected();
    },
    get: unexpected,
    put: unexpected,
    mkdir: unexpected,
    unlink: unexpected,
    rmdir: unexpected,
    async close() {},
    ...methods,
  };
}

function setUp(methods: Partial<Driver>, options: Partial<LayerOptions> = {}) {
  const clock = new VirtualClock();
  const meter = new CountingMeter();
  const driver = layered(scripted(methods), { mount: '/m', meter, log: noLog, clock, ...options });
  return { clock, meter, driver };
}

/** The error code that `promise` ends with, `ok` when it does not fail, or `pending`. */
function outcome(promise: Promise<unknown>): { code: string; error?: unknown } {
  const seen: { code: string; error?: unknown } = { code: 'pending' };
  promise.then(
    () => {
      seen.code = 'ok';
    },
    (error: unknown) => {
      seen.code = isVfsError(error) ? error.code : `foreign: ${error}`;
      seen.error = error;
    },
  );
  return seen;
}

test('a method that the driver lacks stays absent, one that it has stays present', (t) => {
  const { driver } = setUp({ statfs: async () => ({ total: 1 }), open: async () => never() });
  t.is(typeof driver.statfs, 'function');
  t.is(typeof driver.open, 'function');
  for (const name of ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'replace', 'purge'] as const) {
    t.is(driver[name], undefined, name);
  }
  t.is(driver.traits, traits);
});

test('guard: refused before the storage is touched', async (t) => {
  let asked = 0;
  const { driver } = setUp({
    stat: async () => {
      asked++;
      return entry;
    },
    rename: async () => {
      asked++;
    },
  });
  const temporary = parsePath(`/a/${TEMPORARY_PREFIX}1/b`);
  await t.throwsAsync(driver.stat(file, { signal: AbortSignal.abort() }), { code: 'ECANCELED' });
  await t.throwsAsync(driver.stat(temporary), { code: 'ENOENT' });
  await t.throwsAsync(driver.rename!(file, temporary), { code: 'ENOENT' });
  await t.throwsAsync(driver.stat('/a/../b' as Path), { code: 'EINVAL' });
  await t.throwsAsync(driver.stat('/a//b' as Path), { code: 'EINVAL' });
  await t.throwsAsync(driver.list(temporary)[Symbol.asyncIterator]().next(), { code: 'ENOENT' });
  await driver.close();
  await t.throwsAsync(driver.stat(file), { code: 'EBADF' });
  await driver.close();
  t.is(asked, 0);
});

test('guard: a foreign error becomes a VfsError once, from calls and from bodies', async (t) => {
  const { driver } = setUp({
    stat: async () => {
      throw new TypeError('oops');
    },
    get: async () =>
      (async function* () {
        yield Buffer.from('abc');
        throw new RangeError('half-way');
      })(),
  });
  const error = await t.throwsAsync<VfsError>(driver.stat(file), { code: 'EIO', instanceOf: VfsError });
  t.true(error.cause instanceof TypeError);
  await t.throwsAsync(collect(await driver.get(file)), { code: 'EIO', instanceOf: VfsError });
});

test('retry: an idempotent call comes through, with a wait that grows', async (t) => {
  let asked = 0;
  const { driver, clock } = setUp({
    stat: async () => {
      if (++asked < 3) throw unavailable();
      return entry;
    },
  });
  const seen = outcome(driver.stat(file));
  await clock.advance(40);
  t.is(asked, 1);
  await clock.advance(60);
  t.is(asked, 2);
  await clock.advance(200);
  t.is(asked, 3);
  t.is(seen.code, 'ok');
  t.is(driver.state().lastError, undefined);
});

test('retry: a listing and a body are tried again until open, not after', async (t) => {
  let lists = 0;
  let gets = 0;
  const { driver, clock } = setUp({
    async *list() {
      if (++lists === 1) throw unavailable('list');
      yield [entry];
      throw unavailable('list');
    },
    get: async () => {
      if (++gets === 1) throw unavailable('get');
      return (async function* () {
        yield Buffer.from('abc');
        throw unavailable('get');
      })();
    },
  });
  const pages: unknown[] = [];
  const listed = outcome(
    (async () => {
      for await (const page of driver.list(ROOT)) pages.push(page);
    })(),
  );
  const got = outcome(driver.get(file).then((body) => collect(body)));
  await clock.advance(1_000);
  t.deepEqual([listed.code, lists, pages.length], ['EUNAVAILABLE', 2, 1]);
  t.deepEqual([got.code, gets], ['EUNAVAILABLE', 2]);
});

test('retry does not double a put: only one whose body was not asked for is tried again', async (t) => {
  let puts = 0;
  let touch = false;
  const bodies: string[] = [];
  const { driver, clock } = setUp({
    put: async (_path, body) => {
      puts++;
      if (touch) bodies.push((await collect(body)).toString());
      if (puts < 3) throw unavailable('put');
      bodies.push((await collect(body)).toString());
      return entry;
    },
  });
  const untouched = outcome(driver.put(file, once(Buffer.from('abc'))));
  await clock.advance(1_000);
  t.deepEqual([untouched.code, puts, bodies], ['ok', 3, ['abc']]);
  puts = 0;
  touch = true;
  const touched = outcome(driver.put(file, once(Buffer.from('def'))));
  await clock.advance(1_000);
  t.deepEqual([touched.code, puts, bodies], ['EUNAVAILABLE', 1, ['abc', 'def']]);
});

test('retry: what is not idempotent, or not a matter of reaching the storage, is asked once', async (t) => {
  let asked = 0;
  const refuse = (code: 'EUNAVAILABLE' | 'EIO') => async (): Promise<never> => {
    asked++;
    throw new VfsError(code, 'x', file);
  };
  const { driver, clock } = setUp({ mkdir: refuse('EUNAVAILABLE'), stat: refuse('EIO') });
  const seen = [outcome(driver.mkdir(file)), outcome(driver.stat(file))];
  await clock.advance(5_000);
  t.deepEqual([seen.map(({ code }) => code), asked], [['EUNAVAILABLE', 'EIO'], 2]);
});

test('retry: a fired signal ends the wait', async (t) => {
  const { driver, clock } = setUp(
    { stat: async () => Promise.reject(unavailable()) },
    { retries: { first: 10_000, longest: 10_000 } },
  );
  const controller = new AbortController();
  const seen = outcome(driver.stat(file, { signal: controller.signal }));
  await settled();
  controller.abort();
  await settled();
  t.is(seen.code, 'ECANCELED');
  t.is(clock.pending, 0, 'no timer is left behind');
});

test('breaker: a dead mount answers at once after opening, is probed, and comes back', async (t) => {
  let asked = 0;
  let dead = true;
  const { driver, clock, meter } = setUp(
    {
      stat: async () => {
        asked++;
        if (dead) throw unavailable();
        return entry;
      },
    },
    { retries: { attempts: 1 } },
  );
  const states: string[] = [];
  driver.onState(({ breaker }) => {
    if (states.at(-1) !== breaker) states.push(breaker);
  });
  for (let i = 0; i < 5; i++) await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' });
  t.is(driver.state().breaker, 'open');
  t.true(isVfsError(driver.state().lastError, 'EUNAVAILABLE'));
  t.is(meter.values.get('isthmus_mount_breaker_state{/m}'), 2);

  await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' });
  t.is(asked, 5, 'refused without asking');
  for (const coolDown of [1, 2, 4, 8, 16, 30, 30]) {
    await clock.advance(coolDown * 1_000 - 1);
    await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' });
    const before = asked;
    await clock.advance(1);
    await t.throwsAsync(driver.stat(file), { code: 'EUNAVAILABLE' });
    t.is(asked, before + 1, `one probe after ${coolDown} s`);
  }
  dead = false;
  await clock.advance(30_000);
  t.is((await driver.stat(file)).name, 'f');
  t.is(driver.state().breaker, 'closed');
  t.is(driver.state().lastError, undefined);
  t.is(meter.values.get('isthmus_mount_breaker_state{/m}'), 0);
  t.is(states.at(-1), 'closed');
  t.true(states.includes('half-open'));
});

test('breaker: one probe at a time; others are refused while it is under way', async (t) => {
  let dead = true;
  const answers: ((found: Entry) => void)[] = [];
  const { driver, clock } = setUp(
    {
      stat: () => {
        if (dead) return Promise.reject(unavailable());
        return new Promise((resolve) => answers.push(resolve));
      },
    },
    { retries: { attempts: 1 }, breaker: { failures: 1 } },
  );
  await t.throwsAsync(driver.stat(file));
  dead = false;
  await clock.advance(1_000);
  const probe = outcome(driver.stat(file));
  const other = outcome(driver.stat(file));
  await settled();
  t.deepEqual([probe.code, other.code, driver.state().breaker], ['pending', 'EUNAVAILABLE', 'half-open']);
  answers[0]!(entry);
  await settled();
  t.deepEqual([probe.code, driver.state().breaker], ['ok', 'closed']);
});

test('breaker: answers of a living storage do not open it; EAUTH is remembered', async (t) => {
  let code: 'ENOENT' | 'EAUTH' | 'EUNAVAILABLE' = 'EUNAVAILABLE';
  const { driver } = setUp(
    { mkdir: async () => Promise.reject(new VfsError(code, 'mkdir', file)) },
    { breaker: { failures: 2 } },
  );
  const ask = (): Promise<unknown> => driver.mkdir(file).catch(() => {});
  await ask();
  code = 'ENOENT';
  await ask();
  t.is(driver.state().lastError, undefined);
  code = 'EUNAVAILABLE';
  await ask();
  code = 'EAUTH';
  for (let i = 0; i < 5; i++) await ask();
  t.is(driver.state().breaker, 'closed');
  t.is(driver.state().lastError?.code, 'EAUTH');
});

test('breaker: a body that fails, from another dead mount, says nothing about this one', async (t) => {
  const { driver, meter } = setUp(
    {
      put: async (_path, body) => {
        await collect(body);
        return entry;
      },
    },
    { breaker: { failures: 1 } },
  );
  // biome-ignore lint/correctness/useYield: it fails before the first chunk
  const broken = (async function* (): Bytes {
    throw unavailable('get');
  })();
  await t.throwsAsync(driver.put(file, broken), { code: 'EUNAVAILABLE' });
  t.is(driver.state().breaker, 'closed');
  t.is(meter.values.get('isthmus_mount_operations_total{/m,put,body}'), 1);
});

test('breaker: bodies that always break off open it although they open well', async (t) => {
  const { driver } = setUp(
    {
      get: async () =>
        // biome-ignore lint/correctness/useYield: it fails before the first chunk
        (async function* (): Bytes {
          throw unavailable('get');
        })(),
    },
    { breaker: { failures: 3 } },
  );
  for (let i = 0; i < 3; i++) await t.throwsAsync(collect(await driver.get(file)));
  t.is(driver.state().breaker, 'open');
});

test('deadline: a driver that obeys its signal, and one that ignores it, both let the caller go', async (t) => {
  let obeyed = false;
  const { driver, clock } = setUp({
    stat: (_path, call) =>
      new Promise((_resolve, reject) => {
        call!.signal!.addEventListener('abort', () => {
          obeyed = true;
          reject(new VfsError('ECANCELED', 'stat', file));
        });
      }),
    mkdir: () => never(),
  });
  const obedient = outcome(driver.stat(file));
  const deaf = outcome(driver.mkdir(file));
  await clock.advance(29_999);
  t.deepEqual([obedient.code, deaf.code], ['pending', 'pending']);
  await clock.advance(1);
  t.true(obeyed);
  t.is(deaf.code, 'pending', 'it may still tell how it ended');
  await clock.advance(2_000);
  t.is(deaf.code, 'ETIMEDOUT');
});

test('deadline: rename and setattr take long where the storage copies for them', async (t) => {
  const methods: Partial<Driver> = { rename: () => never(), setattr: () => never(), mkdir: () => never() };
  for (const renamesByCopy of [true, false]) {
    const { driver, clock } = setUp({ ...methods, traits: { ...traits, renamesByCopy } });
    const long = [outcome(driver.rename!(file, parsePath('/g'))), outcome(driver.setattr!(file, { mtime: 0 }))];
    const short = outcome(driver.mkdir(file));
    await clock.advance(32_000);
    t.is(short.code, 'ETIMEDOUT');
    for (const one of long) t.is(one.code, renamesByCopy ? 'pending' : 'ETIMEDOUT');
    await clock.advance(570_000);
    for (const one of long) t.is(one.code, 'ETIMEDOUT');
  }
});

test('deadline: what is opened too late is closed', async (t) => {
  let closed = 0;
  let open: (() => void) | undefined;
  const { driver, clock } = setUp({
    open: () =>
      new Promise((resolve) => {
        open = () =>
          resolve({
            entry,
            read: () => never(),
            close: async () => {
              closed++;
            },
          });
      }),
  });
  const seen = outcome(driver.open!(file));
  await clock.advance(40_000);
  t.is(seen.code, 'ETIMEDOUT');
  open!();
  await settled();
  t.is(closed, 1);
});

test('deadline: a body without progress for 60 s ends; one that trickles does not', async (t) => {
  let signal: AbortSignal | undefined;
  let feed: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  const { driver, clock } = setUp({
    get: async (_path, options) => {
      signal = options!.signal;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () =>
            new Promise((resolve) => {
              feed = resolve;
            }),
        }),
      };
    },
  });
  const body = (await driver.get(file))[Symbol.asyncIterator]();
  for (let i = 0; i < 5; i++) {
    const chunk = outcome(body.next());
    await clock.advance(59_000);
    t.is(chunk.code, 'pending');
    feed!({ done: false, value: Buffer.from('x') });
    await settled();
    t.is(chunk.code, 'ok');
  }
  await clock.advance(300_000);
  t.false(signal!.aborted, 'a slow reader is our own affair');
  const last = outcome(body.next());
  await clock.advance(62_000);
  t.is(last.code, 'ETIMEDOUT');
  t.true(signal!.aborted);
  t.is(clock.pending, 0);
});

test('deadline: a body that nobody reads is given back after ten minutes', async (t) => {
  let signal: AbortSignal | undefined;
  const { driver, clock } = setUp({
    get: async (_path, options) => {
      signal = options!.signal;
      return once(Buffer.from('abc'));
    },
  });
  await driver.get(file);
  await clock.advance(599_000);
  t.false(signal!.aborted);
  await clock.advance(1_000);
  t.true(signal!.aborted);
});

test('deadline: a put may wait for its body as long as it likes, but not for the storage', async (t) => {
  let feed: (() => void) | undefined;
  const body: Bytes = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          feed = () => resolve({ done: false, value: Buffer.from('abc') });
        }),
    }),
  };
  let deaf = false;
  const { driver, clock } = setUp({
    put: async (_path, chunks) => {
      for await (const _ of chunks) if (deaf) await never();
      return entry;
    },
  });
  const seen = outcome(driver.put(file, body));
  await clock.advance(3_600_000);
  t.is(seen.code, 'pending');
  deaf = true;
  feed!();
  await clock.advance(62_000);
  t.is(seen.code, 'ETIMEDOUT');
});

test('deadline: a put that goes on after its caller was told that it failed gets no more of the body', async (t) => {
  let answers = () => {};
  let stored: string | undefined;
  async function* body(): Bytes {
    yield Buffer.from('old ');
    yield Buffer.from('and changed since');
  }
  const { driver, clock } = setUp({
    put: async (_path, chunks) => {
      let content = '';
      for await (const chunk of chunks) {
        content += chunk.toString();
        await new Promise<void>((resolve) => {
          answers = resolve;
        });
      }
      stored = content;
      return entry;
    },
  });
  const seen = outcome(driver.put(file, body()));
  await clock.advance(62_000);
  t.is(seen.code, 'ETIMEDOUT');
  for (let chunk = 0; chunk < 2; chunk++) {
    answers();
    await settled();
  }
  t.is(stored, undefined);
});

test('deadline: the caller who goes away is let go, whatever the driver does', async (t) => {
  const { driver, clock } = setUp({ stat: () => never() });
  const controller = new AbortController();
  const seen = outcome(driver.stat(file, { signal: controller.signal }));
  await settled();
  controller.abort();
  await clock.advance(2_000);
  t.is(seen.code, 'ECANCELED');
  t.is(driver.state().lastError, undefined, 'it says nothing about the storage');
});

test('limit: a chunk that comes after its put was given up keeps no place', async (t) => {
  let feed = () => {};
  const body: Bytes = {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          feed = () => resolve({ done: false, value: Buffer.from('late') });
        }),
    }),
  };
  const { driver } = setUp(
    {
      put: async (path, chunks, options) => {
        const asked = chunks[Symbol.asyncIterator]().next();
        asked.catch(() => {});
        await new Promise((resolve) => options!.signal!.addEventListener('abort', resolve));
        throw new VfsError('ECANCELED', 'put', path);
      },
      stat: async () => entry,
    },
    { limits: { concurrency: 1 } },
  );
  const gone = new AbortController();
  const seen = outcome(driver.put(file, body, { signal: gone.signal }));
  await settled();
  gone.abort();
  await settled();
  t.is(seen.code, 'ECANCELED');
  feed();
  await settled();
  const next = outcome(driver.stat(file));
  await settled();
  t.is(next.code, 'ok');
});

test('limit: so many at once, so many waiting, the rest are EAGAIN', async (t) => {
  const answers: (() => void)[] = [];
  const { driver, clock } = setUp(
    { stat: () => new Promise((resolve) => answers.push(() => resolve(entry))) },
    { limits: { concurrency: 2, queue: 2, patience: 20_000 } },
  );
  const seen = Array.from({ length: 5 }, () => outcome(driver.stat(file)));
  await settled();
  t.deepEqual(
    [answers.length, seen.map(({ code }) => code)],
    [2, ['pending', 'pending', 'pending', 'pending', 'EAGAIN']],
  );
  answers[0]!();
  await settled();
  t.deepEqual([answers.length, seen[0]!.code], [3, 'ok']);
  await clock.advance(20_000);
  t.is(seen[3]!.code, 'EAGAIN', 'waited long enough');
  for (const answer of answers) answer();
  await settled();
  t.is(seen[1]!.code, 'ok');
  const later = outcome(driver.stat(file));
  await settled();
  answers.at(-1)!();
  await settled();
  t.is(later.code, 'ok', 'places come back');
});

test('limit: a body holds its place while it is read, lends it while nobody reads, and takes it again', async (t) => {
  const { driver, clock } = setUp(
    {
      get: async () =>
        (async function* () {
          for (;;) yield Buffer.from('abc');
        })(),
      stat: async () => entry,
    },
    { limits: { concurrency: 1, lend: 1_000 } },
  );
  const body = (await driver.get(file))[Symbol.asyncIterator]();
  await body.next();
  const stat = outcome(driver.stat(file));
  await clock.advance(900);
  t.is(stat.code, 'pending');
  await clock.advance(100);
  t.is(stat.code, 'ok', 'a stalled reader does not starve the mount');
  t.is((await body.next()).done, false);
  const second = outcome(driver.stat(file));
  await settled();
  t.is(second.code, 'pending', 'the reader has its place again');
  await body.return!();
  await settled();
  t.is(second.code, 'ok');
});

test('limit: a copy inside a mount of one place does not wait for itself', async (t) => {
  const written: string[] = [];
  const { driver, clock } = setUp(
    {
      get: async () => once(Buffer.from('abc')),
      put: async (_path, body) => {
        written.push((await collect(body)).toString());
        return entry;
      },
    },
    { limits: { concurrency: 1, lend: 1_000 } },
  );
  const seen = outcome(driver.get(file).then((body) => driver.put(parsePath('/g'), body)));
  await clock.advance(5_000);
  t.is(seen.code, 'ok');
  t.deepEqual(written, ['abc']);
});

test('limit: a driver that ignores its signal gives its place back', async (t) => {
  const { driver, clock } = setUp({ mkdir: () => never(), stat: async () => entry }, { limits: { concurrency: 1 } });
  outcome(driver.mkdir(file));
  const stat = outcome(driver.stat(file));
  await clock.advance(29_000);
  t.is(stat.code, 'pending');
  const next = outcome(driver.stat(file));
  await clock.advance(3_000);
  t.is(next.code, 'ok');
});

test('measure: operations, bytes both ways, open handles', async (t) => {
  const { driver, meter } = setUp({
    get: async () => once(Buffer.from('abcd')),
    put: async (_path, body) => {
      await collect(body);
      return entry;
    },
    open: async () => ({ entry, read: async () => 7, close: async () => {} }),
    stat: async () => Promise.reject(new VfsError('ENOENT', 'stat', file)),
    replace: async () => ({
      size: 0,
      read: async () => 1,
      write: async () => {},
      truncate: async () => {},
      commit: async () => entry,
      abort: async () => {},
    }),
  });
  await collect(await driver.get(file));
  await driver.put(file, once(Buffer.from('abc')));
  await driver.stat(file).catch(() => {});
  const open = await driver.open!(file);
  const replacement = await driver.replace!(file);
  t.is(meter.values.get('isthmus_mount_open_handles{/m}'), 2);
  await open.read(0, Buffer.alloc(10));
  await replacement.write(0, Buffer.alloc(5));
  await replacement.commit();
  await open.close();
  await replacement.abort();
  await replacement.abort();
  const value = (name: string): number | undefined => meter.values.get(`isthmus_mount_${name}`);
  t.is(value('open_handles{/m}'), 0);
  t.is(value('bytes_total{/m,read}'), 11);
  t.is(value('bytes_total{/m,written}'), 8);
  t.is(value('operations_total{/m,get,ok}'), 1);
  t.is(value('operations_total{/m,put,ok}'), 1);
  t.is(value('operations_total{/m,stat,ENOENT}'), 1);
  t.is(value('operations_total{/m,open,ok}'), 1);
  t.is(value('operations_total{/m,commit,ok}'), 1);
  t.is(value('operation_duration_seconds{/m,get}'), 1);
});

test('a body that is never read, and one that is left, are released', async (t) => {
  let returned = 0;
  const { driver } = setUp({
    get: async () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ done: false, value: Buffer.from('abc') }),
        return: async () => {
          returned++;
          return { done: true, value: undefined };
        },
      }),
    }),
  });
  await (await driver.get(file))[Symbol.asyncIterator]().return!();
  t.is(returned, 1);
  for await (const _ of await driver.get(file)) break;
  t.is(returned, 2);
});
