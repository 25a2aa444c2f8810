import { writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { noLog } from '../../src/core/log.js';
import { StartError } from '../../src/core/start-error.js';
import { MetricsListener } from '../../src/metrics/listener.js';
import { PrometheusMeter } from '../../src/metrics/prometheus.js';
import { freePort, ServerProcesses } from '../servers/process.js';

async function started(t: ExecutionContext, port = 0): Promise<string> {
  const meter = new PrometheusMeter();
  meter.counter('isthmus_x_total', 'X.', ['a']).add(['b'], 7);
  const listener = new MetricsListener({ host: '127.0.0.1', port, meter, log: noLog });
  t.teardown(() => listener.stop(0));
  return listener.start();
}

test('the format goes by Accept', async (t) => {
  const url = await started(t);
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const type = async (accept: string) => (await fetch(url, { headers: { accept } })).headers.get('content-type');
  t.regex((await type('*/*')) ?? '', /^text\/plain; version=0\.0\.4/);
  t.regex(
    (await type('application/openmetrics-text;version=1.0.0,text/plain;q=0.5')) ?? '',
    /^application\/openmetrics/,
  );
  t.regex((await type('application/openmetrics-text;q=0.2,text/plain;q=0.5')) ?? '', /^text\/plain/);
  t.regex((await type('application/openmetrics-text;q=0')) ?? '', /^text\/plain/);
  const head = await fetch(url, { method: 'HEAD' });
  t.is(await head.text(), '');
  t.true(Number(head.headers.get('content-length')) > 100);
  t.is((await fetch(new URL('/other', url))).status, 404);
  t.is((await fetch(url, { method: 'POST', body: 'x'.repeat(100_000) })).status, 405);
});

test('a port that is taken ends the start with one line', async (t) => {
  const port = Number(new URL(await started(t)).port);
  const error = await t.throwsAsync(started(t, port), { instanceOf: StartError });
  t.is(error?.exitCode, 78);
  t.regex(error?.message ?? '', /^metrics\.listen: 127\.0\.0\.1:\d+ is taken/);
  const far = new MetricsListener({ host: '192.0.2.1', port: 0, meter: new PrometheusMeter(), log: noLog });
  await t.throwsAsync(far.start(), { message: /not an address of this host/ });
  await far.stop(0);
});

test('stopping does not wait for clients that keep their connection', async (t) => {
  const listener = new MetricsListener({ host: '127.0.0.1', port: 0, meter: new PrometheusMeter(), log: noLog });
  const url = new URL(await listener.start());
  const idle = connect(Number(url.port), url.hostname);
  idle.on('error', () => {});
  await new Promise((resolve) => idle.once('connect', resolve));
  idle.write('GET /metrics HTTP/1.1\r\nhost: x\r\n');
  await new Promise<void>((resolve, reject) => {
    request(url, { agent: false }, (response) => response.resume().on('end', resolve))
      .on('error', reject)
      .end();
  });
  await listener.stop(Date.now() + 100);
  await listener.stop(Date.now());
  await t.throwsAsync(fetch(url));
});

test('a real Prometheus scrapes it', async (t) => {
  const url = new URL(await started(t));
  const processes = await ServerProcesses.create('prometheus', ['prometheus']);
  t.teardown(() => processes.stop());
  const port = await freePort();
  await processes.guard(async () => {
    const config = join(processes.dir, 'prometheus.yml');
    await writeFile(
      config,
      `scrape_configs: [{ job_name: isthmus, scrape_interval: 1s, scrape_timeout: 1s, static_configs: [{ targets: ['${url.host}'] }] }]\n`,
    );
    processes.spawn('prometheus', 'prometheus', [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(processes.dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await processes.waitFor('prometheus', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=isthmus_x_total`);
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return data.result[0]?.value[1] === '7';
    });
  });
  const targets = await fetch(`http://127.0.0.1:${port}/api/v1/targets`);
  const { data } = (await targets.json()) as { data: { activeTargets: { health: string; lastError: string }[] } };
  t.deepEqual(
    data.activeTargets.map(({ health, lastError }) => ({ health, lastError })),
    [{ health: 'up', lastError: '' }],
  );
});
