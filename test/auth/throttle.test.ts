import test from 'ava';
import { Throttle } from '../../src/auth/throttle.js';
import { isVfsError } from '../../src/core/errors.js';

function throttled(run: () => unknown): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (isVfsError(error, 'EAGAIN')) return true;
    throw error;
  }
}

/** A clock to turn, and a throttle that goes by it. */
function start() {
  let now = 1_000_000;
  let proofs = 0;
  const throttle = new Throttle(() => now);
  return {
    pass: (ms: number) => {
      now += ms;
    },
    fail: (address: string, account: string, proof = 'wrong') =>
      throttled(() => throttle.begin(address, account, proof).failed()),
    succeed: (address: string, account: string, proof?: string) => {
      proofs += 1;
      return throttled(() => throttle.begin(address, account, proof ?? `right ${proofs}`).succeeded());
    },
    cancel: (address: string, account: string) => throttled(() => throttle.begin(address, account, '').cancelled()),
    begin: (address: string, account: string) => throttle.begin(address, account, ''),
    /** Milliseconds until an attempt is allowed, in steps of 250. */
    wait(address: string, account: string): number {
      let waited = 0;
      while (throttled(() => throttle.begin(address, account, '').cancelled())) {
        now += 250;
        waited += 250;
      }
      return waited;
    },
  };
}

test('delays grow with failures from one address, up to a minute', (t) => {
  const { fail, wait } = start();
  for (let i = 0; i < 10; i += 1) t.false(fail('192.0.2.1', `user${i}`));
  const waits: number[] = [];
  for (let i = 0; i < 12; i += 1) {
    fail('192.0.2.1', `other${i}`);
    waits.push(wait('192.0.2.1', `more${i}`));
  }
  t.deepEqual(waits.slice(0, 4), [1000, 2000, 4000, 8000]);
  t.true(Math.max(...waits) <= 60_000, String(waits));
  t.false(fail('192.0.2.2', 'user0'), 'another address is not concerned');
});

test('an account that is attacked from everywhere stays within reach of its owner', (t) => {
  const { fail, succeed, wait, pass } = start();
  t.false(succeed('198.51.100.7', 'alice'));
  for (let i = 0; i < 2000; i += 1) {
    fail(`203.0.113.${i % 250}`, 'alice');
    pass(100);
  }
  t.true(fail('192.0.2.99', 'Alice'), 'another spelling is no way around');
  t.false(succeed('198.51.100.7', 'alice'), 'a known address does not notice');
  t.true(wait('192.0.2.99', 'alice') <= 10_000, 'an unknown one waits ten seconds at most');
});

test('guessing at many accounts from behind an honest address slows the guesser only', (t) => {
  const { fail, succeed } = start();
  t.false(succeed('192.0.2.1', 'alice'));
  for (let i = 0; i < 100; i += 1) fail('192.0.2.1', `user${i}`);
  t.true(fail('192.0.2.1', 'bob'));
  t.false(succeed('192.0.2.1', 'alice'));
  for (let i = 0; i < 11; i += 1) fail('192.0.2.1', 'alice');
  t.true(succeed('192.0.2.1', 'alice'), 'the known pair has a limit of its own');
});

test('a password that was right is not slowed by a device with an old one, nor for longer than it is right', (t) => {
  const { fail, succeed } = start();
  t.false(succeed('192.0.2.1', 'alice', 'p1'));
  for (let i = 0; i < 50; i += 1) fail('192.0.2.1', 'alice', 'p0');
  t.true(succeed('192.0.2.1', 'alice', 'p2'));
  for (let i = 0; i < 50; i += 1) t.false(succeed('192.0.2.1', 'alice', 'p1'));
  t.false(succeed('203.0.113.9', 'alice', 'p1'), 'from anywhere');
  t.false(fail('192.0.2.1', 'alice', 'p1'), 'changed: tried once');
  t.true(fail('192.0.2.1', 'alice', 'p1'));
});

test('attempts under way count, ends that tell nothing do not', (t) => {
  const { begin, cancel, fail } = start();
  for (let i = 0; i < 100; i += 1) t.false(cancel('192.0.2.1', 'alice'));
  const underway = Array.from({ length: 11 }, () => begin('192.0.2.1', 'alice'));
  t.true(fail('192.0.2.1', 'alice'));
  for (const attempt of underway) attempt.cancelled();
  t.false(fail('192.0.2.1', 'alice'));
});

test('a clock that is set back or far forward keeps nobody out for long', (t) => {
  const { fail, wait, pass } = start();
  for (let i = 0; i < 40; i += 1) {
    fail('192.0.2.1', 'alice');
    pass(1000);
  }
  pass(-500_000_000);
  t.true(wait('192.0.2.1', 'alice') <= 60_000);
  pass(1e12);
  t.false(fail('192.0.2.1', 'alice'));
});

test('an IPv6 customer is one address, an IPv4 one is the same in both notations', (t) => {
  const { fail } = start();
  for (let i = 0; i < 11; i += 1) fail(`2001:db8:0:7::${i.toString(16)}`, `user${i}`);
  t.true(fail('2001:0db8::7:1:2:3:4', 'x'));
  t.true(fail('2001:db8:0:7:ffff:ffff:ffff:ffff', 'x'));
  t.false(fail('2001:db8:0:8::1', 'x'));
  for (let i = 0; i < 11; i += 1) fail('192.0.2.77', `user-${i}`);
  t.true(fail('::ffff:192.0.2.77', 'y'));
  t.false(fail('::1', 'z'));
  t.false(fail('not an address', 'z'));
});
