import { inspect } from 'node:util';
import test from 'ava';
import { Secret } from '../../src/core/secret.js';

test('promise 8: a secret shows itself to nobody who does not ask', (t) => {
  const secret = new Secret('hunter2');
  const shown = [String(secret), `${secret}`, JSON.stringify({ secret }), inspect(secret), inspect({ a: [secret] })];
  for (const text of [...shown, inspect(secret, { showHidden: true, depth: 9 })]) t.notRegex(text, /hunter2/);
  t.is(secret.reveal(), 'hunter2');
});
