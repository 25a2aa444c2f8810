import { execFile } from 'node:child_process';
import test from 'ava';
import { PrometheusMeter } from '../../src/metrics/prometheus.js';

/** promtool's remarks on an exposition; empty when it has none. */
function lint(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('/usr/bin/promtool', ['check', 'metrics'], (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number')
        reject(new Error('promtool is not installed (Debian: prometheus)', { cause: error }));
      else resolve(stdout + stderr);
    });
    child.stdin?.end(text);
  });
}

function filled(): PrometheusMeter {
  const meter = new PrometheusMeter();
  const operations = meter.counter('isthmus_operations_total', 'Operations, "quoted" and \\ back.', [
    'mount',
    'result',
  ]);
  operations.add(['/a', 'ok']);
  operations.add(['/a', 'ok'], 2.5);
  operations.add(['/weird "name"\n\\', 'ok']);
  const open = meter.gauge('isthmus_open_handles', 'Open handles.', ['door']);
  open.set(['drive'], 5);
  open.add(['drive'], -2);
  open.set(['gone'], 1);
  open.remove(['gone']);
  const latency = meter.histogram('isthmus_operation_duration_seconds', 'Time of operations.', ['mount']);
  latency.observe(['/a'], 0.3);
  latency.observe(['/a'], 100);
  meter.gauge('isthmus_mounts', 'Mounts.').set([], 3);
  return meter;
}

test('what is counted is read, under names and forms that promtool accepts', async (t) => {
  const { text, contentType } = await filled().render(false);
  t.is(contentType, 'text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'isthmus_operations_total{mount="/a",result="ok"} 3.5',
    'isthmus_operations_total{mount="/weird \\"name\\"\\n\\\\",result="ok"} 1',
    'isthmus_open_handles{door="drive"} 3',
    'isthmus_operation_duration_seconds_bucket{le="0.5",mount="/a"} 1',
    'isthmus_operation_duration_seconds_bucket{le="+Inf",mount="/a"} 2',
    'isthmus_operation_duration_seconds_count{mount="/a"} 2',
    'isthmus_mounts 3',
  ]) {
    t.true(text.includes(`${line}\n`), line);
  }
  t.false(text.includes('gone'));
  t.regex(text, /^process_resident_memory_bytes \d+$/m);
  t.regex(text, /^nodejs_eventloop_lag_p99_seconds /m);
  t.is(await lint(text), '');
});

test('OpenMetrics and back: the other format stays as it was', async (t) => {
  const meter = filled();
  const before = (await meter.render(false)).text;
  const { text, contentType } = await meter.render(true);
  t.is(contentType, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
  t.true(text.endsWith('\n# EOF\n'));
  t.true(text.includes('# TYPE isthmus_operations counter\n'));
  t.true(text.includes('# HELP isthmus_operations Operations, \\"quoted\\" and \\\\ back.\n'));
  t.true(text.includes('isthmus_operations_total{mount="/a",result="ok"} 3.5\n'));
  t.false(text.includes('\n\n'));
  const families = (exposition: string) => exposition.match(/^# TYPE .*$/gm);
  t.deepEqual(families((await meter.render(false)).text), families(before));
});

test('one name is one instrument, of one kind', (t) => {
  const meter = new PrometheusMeter();
  const counter = meter.counter('isthmus_x_total', 'X.', ['a']);
  t.is(meter.counter('isthmus_x_total', 'X.', ['a']), counter);
  t.throws(() => meter.counter('isthmus_x_total', 'X.', ['b']), { message: /already/ });
  t.throws(() => meter.gauge('isthmus_x_total', 'X.', ['a']), { message: /already/ });
  t.throws(() => meter.counter('isthmus_y', 'Y.'), { message: /_total/ });
  t.throws(() => counter.add([]), { message: /1 label values/ });
});

test('labels from outside do not fill the memory', async (t) => {
  const meter = new PrometheusMeter();
  const counter = meter.counter('isthmus_x_total', 'X.', ['user', 'kind']);
  for (let i = 0; i < 5000; i += 1) counter.add([`user ${i}`, 'k']);
  const lines = (await meter.render(false)).text.split('\n').filter((line) => line.startsWith('isthmus_x_total'));
  t.is(lines.length, 1001);
  t.true(lines.includes('isthmus_x_total{user="other",kind="other"} 4000'));
});
