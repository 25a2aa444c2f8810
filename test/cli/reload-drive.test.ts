import { existsSync, symlinkSync } from 'node:fs';
import test from 'ava';
import { FREE_PORTS, Place } from '../support/place.js';

test('a configuration that leads into the own drive is refused while that is mounted, and nobody waits', async (t) => {
  if (!existsSync('/dev/fuse')) return t.fail('needs /dev/fuse');
  const place = new Place(FREE_PORTS);
  t.teardown(() => place.remove());
  const daemon = await place.serve();
  symlinkSync('data/drive/deep', place.path('link'));
  const mount = (path: string) => `mounts: [{ at: /a, driver: local, options: { path: ${path} } }]\n`;
  place.configure(`${FREE_PORTS}drives: [{ path: data/drive }]\n${mount('link/folder')}`);
  daemon.kill('SIGHUP');
  await daemon.until(/the configuration is refused/);
  t.regex(daemon.stderr, /mounts\[0\]\.options\.path: lies in node\.state/);
  t.is((await fetch(`${daemon.where('web')}healthz`)).status, 200);
  t.is((await daemon.end('SIGTERM')).code, 0);
  return undefined;
});
