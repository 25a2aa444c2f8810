import test from 'ava';
import type { Bytes } from '../../src/core/bytes.js';
import { cancellable } from '../../src/core/cancel.js';
import { parsePath } from '../../src/core/path.js';

const path = parsePath('/a');

async function* chunks(count: number, size: number): Bytes {
  for (let n = 0; n < count; n++) {
    yield Buffer.alloc(size);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('what went through is not held on to', async (t) => {
  let most = 0;
  for await (const chunk of cancellable(chunks(2048, 1 << 20), new AbortController().signal, 'put', path)) {
    t.is(chunk.length, 1 << 20);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }
  t.true(most < 1 << 30, `${most >> 20} MiB at once, of 2 GiB in all`);
});

test('a signal ends a body that hangs, and one that has not begun', async (t) => {
  const stop = new AbortController();
  const hanging: Bytes = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) };
  const read = (async () => {
    for await (const _ of cancellable(hanging, stop.signal, 'put', path)) t.fail();
  })();
  setImmediate(() => stop.abort());
  await t.throwsAsync(read, { code: 'ECANCELED' });
  await t.throwsAsync(cancellable(chunks(1, 1), stop.signal, 'put', path)[Symbol.asyncIterator]().next(), {
    code: 'ECANCELED',
  });
});

test('leaving closes the body', async (t) => {
  let closed = false;
  const body = (async function* (): Bytes {
    try {
      yield* chunks(3, 1);
    } finally {
      closed = true;
    }
  })();
  for await (const _ of cancellable(body, new AbortController().signal, 'put', path)) break;
  t.true(closed);
});
