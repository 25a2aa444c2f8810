import test from 'ava';
import { giveBack, lendBuffer } from '../../src/core/lent-buffers.js';

test('a buffer given back is used again, once', (t) => {
  const first = lendBuffer(300_000);
  t.is(first.length, 300_000);
  giveBack(first);
  giveBack(first);
  const [second, third] = [lendBuffer(500_000), lendBuffer(500_000)];
  t.is(second.buffer, first.buffer);
  t.not(third.buffer, second.buffer);
});

test('a part of a buffer does not take the whole away from the other parts', (t) => {
  const whole = lendBuffer(400_000);
  giveBack(whole.subarray(0, 200_000));
  giveBack(whole.subarray(200_000));
  t.not(lendBuffer(400_000).buffer, whole.buffer);
});

test('what was not taken here is left alone', (t) => {
  const own = Buffer.alloc(500_000);
  giveBack(own);
  giveBack(Buffer.from('small'));
  t.not(lendBuffer(500_000).buffer, own.buffer);
  t.is(lendBuffer(10).length, 10);
  t.is(lendBuffer(10 << 20).length, 10 << 20);
});
