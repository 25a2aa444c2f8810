import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Driver } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import type { Principal } from '../../src/auth/principal.js';
import { Staging } from '../../src/cache/staging.js';
import { type Bytes, collect, once } from '../../src/core/bytes.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { type Path, parsePath } from '../../src/core/path.js';
import { openStore } from '../../src/store/store.js';
import type { Audience } from '../../src/vfs/mount.js';
import { Namespace } from '../../src/vfs/namespace.js';

export const alice: Principal = { name: 'alice', groups: ['staff'], admin: false };
export const bob: Principal = { name: 'bob', groups: [], admin: false };

export interface TestMount {
  readonly at: string;
  readonly driver: Driver;
  readonly readOnly?: boolean;
  readonly audience?: Audience;
}

/** A namespace on a real database in a temporary folder; homes are in memory unless `home` makes them. */
export async function testNamespace(
  t: { teardown(act: () => Promise<void>): void },
  mounts: readonly TestMount[] = [],
  home: (user: string) => Driver = () => new MemoryDriver(),
): Promise<Namespace> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-vfs-'));
  const store = await openStore({ file: join(folder, 'isthmus.db'), log: noLog });
  const staging = new Staging(join(folder, 'staging'));
  await staging.prepare();
  t.teardown(async () => {
    await store.close();
    await rm(folder, { recursive: true, force: true });
  });
  return new Namespace({
    mounts: mounts.map(({ at, driver, readOnly = false, audience }) => ({
      at: parsePath(at),
      driver,
      readOnly,
      audience,
    })),
    home,
    locks: store.locks,
    properties: store.properties,
    staging,
    node: 'node-a',
    log: noLog,
    meter: noMeter,
  });
}

/** The same driver without what keeps a file open, as an object store has it. */
export function wholeBodies(driver: Driver): Driver {
  return new Proxy(driver, {
    get(target, name) {
      if (name === 'open' || name === 'replace') return undefined;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    has: (target, name) => name !== 'open' && name !== 'replace' && Reflect.has(target, name),
  });
}

export const p = (text: string): Path => parsePath(text);
export const body = (text: string): Bytes => once(Buffer.from(text));
export const text = async (bytes: Bytes): Promise<string> => (await collect(bytes)).toString();

/** All pages of a listing, sorted by name. */
export async function names(pages: AsyncIterable<readonly { name: string }[]>): Promise<string[]> {
  const all: string[] = [];
  for await (const page of pages) all.push(...page.map(({ name }) => name));
  return all.sort();
}
