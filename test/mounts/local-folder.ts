import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { LocalDriver } from '../../mounts/local/local-driver.js';
import { type Logger, noLog } from '../../src/core/log.js';

/** A folder with a `root` that a driver serves and an `outside` that it must not reach. */
export interface Place {
  readonly top: string;
  readonly root: string;
  readonly outside: string;
  readonly driver: LocalDriver;
  /** A second driver on the same root, which shares nothing with the first. */
  another(): LocalDriver;
}

/** All is removed when the test ends. */
export function place(t: ExecutionContext, options: { readonly log?: Logger; readonly tmpfs?: string } = {}): Place {
  const top = mkdtempSync(join(tmpdir(), 'isthmus-local-'));
  const [root, outside] = [join(top, 'root'), join(top, 'outside')];
  mkdirSync(root);
  mkdirSync(outside);
  if (options.tmpfs !== undefined) execFileSync('mount', ['-t', 'tmpfs', '-o', options.tmpfs, 'none', root]);
  const drivers: LocalDriver[] = [];
  const another = () => {
    const driver = new LocalDriver({ path: root, create: false }, options.log ?? noLog);
    drivers.push(driver);
    return driver;
  };
  t.teardown(async () => {
    for (const driver of drivers) await driver.close();
    if (options.tmpfs !== undefined) execFileSync('umount', ['-l', '-q', root], { stdio: 'ignore' });
    rmSync(top, { recursive: true, force: true });
  });
  return { top, root, outside, driver: another(), another };
}

/** Descriptors of this process, without the one that counts them. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length - 1;
}

export const asRoot = process.geteuid?.() === 0;
