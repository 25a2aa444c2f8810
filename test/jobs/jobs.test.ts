import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { VfsError } from '../../src/core/errors.js';
import { noLog } from '../../src/core/log.js';
import { type Gauge, noMeter } from '../../src/core/meter.js';
import type { Job } from '../../src/jobs/job.js';
import { Probe } from '../../src/jobs/probe.js';
import { purgeJob } from '../../src/jobs/purge.js';
import { Scheduler } from '../../src/jobs/scheduler.js';

const never = new AbortController().signal;

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000 && !condition(); tries++) await sleep(10);
  if (!condition()) throw new Error('it did not come about within 30 s');
}

function counting(name: string, run: Job['run'], atStart = false): Job {
  return { name, schedule: '* * * * * *', atStart, run };
}

test.serial('jobs run at their times, and a job that fails runs again', async (t) => {
  let runs = 0;
  const job = counting('fails', async () => {
    runs += 1;
    throw new Error('no');
  });
  const scheduler = new Scheduler([job], noLog, noMeter);
  scheduler.start();
  await until(() => runs >= 2);
  await scheduler.stop();
  const after = runs;
  await sleep(1500);
  t.is(runs, after);
});

test.serial('a job never runs twice at a time, and stopping ends it through its signal', async (t) => {
  let running = 0;
  let most = 0;
  const job = counting(
    'slow',
    async (signal) => {
      most = Math.max(most, ++running);
      await sleep(60_000, undefined, { signal });
      return {};
    },
    true,
  );
  const scheduler = new Scheduler([job], noLog, noMeter);
  scheduler.start();
  await sleep(2500);
  await scheduler.stop();
  t.is(most, 1);
  t.is(running, 1);
});

test.serial('a clock set back by a day does not stop the jobs', async (t) => {
  const Real = Date;
  let offset = 0;
  // node-cron asks `new Date()` and Date.now() alike.
  class Skewed extends Real {
    constructor(...given: [] | [number | string]) {
      if (given.length === 0) super(Real.now() + offset);
      else super(given[0]);
    }
    static override now() {
      return Real.now() + offset;
    }
  }
  globalThis.Date = Skewed as DateConstructor;
  t.teardown(() => {
    globalThis.Date = Real;
  });
  let runs = 0;
  const scheduler = new Scheduler([counting('tick', async () => ({ runs: ++runs }))], noLog, noMeter);
  scheduler.start();
  await until(() => runs >= 1);
  for (const hours of [-24, 24]) {
    offset += hours * 3_600_000;
    const before = runs;
    await until(() => runs >= before + 2);
  }
  await scheduler.stop();
  t.pass();
});

test('the probe tells a dead storage from a live one, and does not wait for one that ignores its signal', async (t) => {
  const gauges = new Map<string, number>();
  const gauge: Gauge = {
    set: ([mount], value) => void gauges.set(mount!, value),
    add: () => {},
    remove: ([mount]) => void gauges.delete(mount!),
  };
  let mounts = [
    { at: '/up', reach: async () => {} },
    {
      at: '/refused',
      reach: () => Promise.reject(new VfsError('EUNAVAILABLE', 'stat', '/', { cause: new Error('secret') })),
    },
    { at: '/silent', reach: () => new Promise(() => {}) },
  ];
  const probe = new Probe(() => mounts, { ...noMeter, gauge: () => gauge }, 200);
  await probe.run(never);
  t.deepEqual(
    probe.found.map(({ at, up, reason }) => ({ at, up, reason })),
    [
      { at: '/up', up: true, reason: undefined },
      { at: '/refused', up: false, reason: 'cannot be reached' },
      { at: '/silent', up: false, reason: 'no answer within 0.2 s' },
    ],
  );
  t.deepEqual(
    [...gauges],
    [
      ['/up', 1],
      ['/refused', 0],
      ['/silent', 0],
    ],
  );
  const since = probe.found[0]!.since;
  mounts = mounts.slice(0, 1);
  await probe.run(never);
  t.deepEqual([...gauges], [['/up', 1]]);
  t.is(probe.found[0]!.since, since);
});

test('the purge goes on past a storage that is away', async (t) => {
  const asked: string[] = [];
  const job = purgeJob({
    log: noLog,
    locks: async () => 3,
    mounts: () => [
      { at: '/dead', purge: () => Promise.reject(new Error('away')) },
      { at: '/none' },
      {
        at: '/live',
        purge: async (olderThan) => {
          asked.push('/live');
          t.true(Math.abs(Date.now() - 86_400_000 - olderThan) < 60_000);
          return 2;
        },
      },
    ],
  });
  t.deepEqual(await job.run(never), { files: 2, locks: 3 });
  t.deepEqual(asked, ['/live']);
});
