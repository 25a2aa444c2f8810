import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { noLog } from '../../src/core/log.js';
import type { EngineName } from '../../src/store/engine.js';
import { lockState } from '../../src/store/state-lock.js';
import { openStore } from '../../src/store/store.js';
import { StoreError } from '../../src/store/store-error.js';
import { tempFolder } from '../support/temp.js';

const ENGINES: readonly EngineName[] = ['better-sqlite3', 'libsql'];

function program(name: string, ...args: readonly string[]) {
  return fork(fileURLToPath(new URL(name, import.meta.url)), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

for (const engine of ENGINES) {
  test(`${engine}: kill -9 in the middle of writes keeps what was acknowledged, and each write whole`, async (t) => {
    const file = join(await tempFolder(t), 'isthmus.db');
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const notes = `${file}.notes-${round}`;
      writeFileSync(notes, '');
      const child = program('./write-until-killed.js', file, engine, String(round), notes);
      t.teardown(() => child.kill('SIGKILL'));
      const exit = once(child, 'exit');
      const lines = () => readFileSync(notes, 'utf8').split('\n').slice(0, -1);
      while (lines().length < 300 * (round + 1) && child.exitCode === null) await sleep(5);
      child.kill('SIGKILL');
      t.deepEqual(await exit, [null, 'SIGKILL']);
      acknowledged.push(...lines().map((number) => `${round}/${number}`));

      const store = await openStore({ file, log: noLog, engine });
      for (const one of acknowledged) {
        const number = Number(one.split('/')[1]);
        const found = store.properties.of('s', `/${one}`);
        t.is(found.get('second'), String(number), one);
        t.is(found.get('first')?.length, number % 3000);
      }
      for (const values of store.properties.below('s', `/${round}`).values()) t.is(values.size, 2);
      await store.close();
    }
    t.true(acknowledged.length >= 1800);
  });

  test(`${engine}: one daemon per state folder, until it ends, however it ends`, async (t) => {
    const folder = join(await tempFolder(t), 'data', 'state');
    const first = program('./hold-state.js', folder, engine);
    t.teardown(() => first.kill('SIGKILL'));
    t.deepEqual(await once(first, 'message'), ['held', undefined]);
    t.is(statSync(folder).mode & 0o777, 0o700);
    t.is(readFileSync(join(folder, 'daemon.pid'), 'utf8'), `${first.pid}\n`);
    t.is(statSync(join(folder, 'daemon.pid')).mode & 0o777, 0o600);
    t.is(statSync(join(folder, 'daemon.lock')).mode & 0o777, 0o600);

    const second = program('./hold-state.js', folder, engine);
    t.teardown(() => second.kill('SIGKILL'));
    const ended = once(second, 'exit');
    const [refusal] = (await once(second, 'message')) as [string];
    t.regex(refusal, new RegExp(`/state: in use by another isthmus \\(pid ${first.pid}\\); stop that one`));
    t.deepEqual(await ended, [1, null]);
    const here = t.throws(() => lockState(folder, engine), { instanceOf: StoreError });
    t.is(here?.reason, 'busy');

    first.kill('SIGKILL');
    await once(first, 'exit');
    t.true(existsSync(join(folder, 'daemon.pid')), 'a killed daemon cleans nothing');
    const lock = lockState(folder, engine);
    t.is(readFileSync(join(folder, 'daemon.pid'), 'utf8'), `${process.pid}\n`);
    t.throws(() => lockState(folder, engine), { message: new RegExp(`pid ${process.pid}`) });
    lock.release();
    lock.release();
    lockState(folder, engine).release();
    t.false(existsSync(join(folder, 'daemon.pid')));
  });
}

test('a state folder that cannot be is refused in one line', async (t) => {
  const folder = await tempFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  t.throws(() => lockState(join(file, 'below')), { instanceOf: StoreError, message: /[^\n]+/ });
  const odd = join(folder, 'odd');
  lockState(odd).release();
  writeFileSync(join(odd, 'daemon.pid'), 'no number');
  chmodSync(join(odd, 'daemon.pid'), 0o644);
  lockState(odd).release();
  t.pass();
});
