import test from 'ava';
import { badFiles } from '../config/bad-files.js';
import { Place } from '../support/place.js';

/* The same mistakes as in test/config, through the real command: what a person sees, and the exit code. */

/** Processes at once; every second mistake, for a process each takes its time. */
const AT_ONCE = 3;
const told = badFiles.filter((_, index) => index % 2 === 0);

for (let lane = 0; lane < AT_ONCE; lane++) {
  test(`isthmus check tells each mistake and exits with 78 (${lane + 1} of ${AT_ONCE})`, async (t) => {
    t.timeout(300_000);
    for (const { name, yaml, env, says } of told.filter((_, index) => index % AT_ONCE === lane)) {
      const place = new Place(yaml);
      t.teardown(() => place.remove());
      const { code, stdout, stderr } = await place.run(['check'], { env: { ...env } });
      t.is(stderr, says.map((line) => `./isthmus.yaml${line}\n`).join(''), name);
      t.is(stdout, '', name);
      t.is(code, 78, name);
    }
  });
}

test('isthmus serve refuses it likewise, and leaves nothing behind', async (t) => {
  const place = new Place('web: { lisen: 1 }\n');
  t.teardown(() => place.remove());
  const { code, stdout, stderr } = await place.run(['serve']);
  t.is(stderr, './isthmus.yaml:1:8: web.lisen: unknown key; did you mean "listen"?\n');
  t.is(stdout, '');
  t.is(code, 78);
});

test('a file that was named and is not there', async (t) => {
  const place = new Place();
  t.teardown(() => place.remove());
  const { code, stderr } = await place.run(['status', '--config', 'no.yaml']);
  t.is(stderr, 'no.yaml: does not exist; name another with --config, or leave it out for the defaults\n');
  t.is(code, 78);
});
