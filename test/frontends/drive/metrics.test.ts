import test from 'ava';
import { MemoryDriver } from '../../../mounts/memory.js';
import type { Meter } from '../../../src/core/meter.js';
import { sh } from '../../support/command.js';
import { mountDrive } from '../../support/mounted-drive.js';
import { alice, testNamespace } from '../../support/namespace.js';

/** A meter that remembers: values by name and labels. */
function remembering(): { meter: Meter; values: Map<string, number> } {
  const values = new Map<string, number>();
  const add =
    (name: string) =>
    (labels: readonly string[], by = 1) => {
      const key = [name, ...labels].join(' ');
      values.set(key, (values.get(key) ?? 0) + by);
    };
  const instrument = (name: string) => ({
    add: add(name),
    set: (labels: readonly string[], value: number) => void values.set([name, ...labels].join(' '), value),
    remove() {},
    observe: (labels: readonly string[]) => add(name)(labels),
  });
  return { meter: { counter: instrument, gauge: instrument, histogram: instrument }, values };
}

test('what a drive counts', async (t) => {
  const { meter, values } = remembering();
  const namespace = await testNamespace(t, [{ at: '/m', driver: new MemoryDriver() }]);
  const mounted = await mountDrive(namespace.of(alice), { meter });
  const { status } = await sh(
    'printf hello > m/f; dd if=m/f of=/dev/null iflag=direct bs=4096 2>/dev/null; mkdir m || true; cat m/no || true',
    { cwd: mounted.path },
  );
  t.is(status, 0);
  await mounted.stop();
  const operations = 'isthmus_frontend_operations_total drive';
  t.is(values.get(`${operations} create ok`), 1);
  t.is(values.get(`${operations} write ok`), 1);
  t.true((values.get(`${operations} read ok`) ?? 0) >= 1);
  t.is(values.get('isthmus_frontend_operation_duration_seconds drive create'), 1);
  t.is(values.get('isthmus_frontend_bytes_total drive in'), 5);
  t.is(values.get('isthmus_frontend_bytes_total drive out'), 5);
  t.is(values.get('isthmus_frontend_open_handles drive'), 0);
});
