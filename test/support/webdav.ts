import { join } from 'node:path';
import type { Driver } from '../../mounts/driver.js';
import { LocalDriver } from '../../mounts/local/local-driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import type { Authenticator } from '../../src/auth/authenticator.js';
import type { Principal } from '../../src/auth/principal.js';
import type { Logger } from '../../src/core/log.js';
import { noLog } from '../../src/core/log.js';
import { type Meter, noMeter } from '../../src/core/meter.js';
import type { HttpLimits } from '../../src/frontends/http/limits.js';
import { HttpListener } from '../../src/frontends/http/listener.js';
import type { TlsFiles } from '../../src/frontends/http/tls.js';
import type { Route } from '../../src/frontends/route.js';
import { health } from '../../src/frontends/web/health.js';
import { page } from '../../src/frontends/web/page.js';
import { webdav } from '../../src/frontends/webdav/server.js';
import type { Namespace } from '../../src/vfs/namespace.js';
import { type Answer, type Ask, ask } from './http-client.js';
import { alice, bob, type TestMount, testNamespace } from './namespace.js';

/** Two users whose passwords are known, and what is asked of them counted. */
export class FixedUsers implements Authenticator {
  readonly #principals = new Map<string, Principal>([alice, bob].map((one) => [one.name, one]));
  verified = 0;

  async password(name: string, password: { reveal(): string }): Promise<Principal | undefined> {
    this.verified += 1;
    return password.reveal() === `${name}-secret` ? this.#principals.get(name) : undefined;
  }

  async publicKey(): Promise<Principal | undefined> {
    return undefined;
  }

  async current(principal: Principal): Promise<Principal | undefined> {
    return this.#principals.get(principal.name);
  }

  remove(name: string): void {
    this.#principals.delete(name);
  }
}

export interface WebdavSetup {
  readonly mounts?: readonly TestMount[];
  readonly home?: (user: string) => Driver;
  readonly limits?: Partial<HttpLimits>;
  readonly tls?: TlsFiles;
  readonly trustedProxies?: readonly string[];
  readonly publicUrl?: string;
  readonly auth?: Authenticator;
  readonly meter?: Meter;
  readonly log?: Logger;
  readonly routes?: readonly Route[];
  readonly ready?: boolean;
}

export interface WebdavServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly dav: string;
  readonly port: number;
  readonly namespace: Namespace;
  readonly listener: HttpListener;
}

/** The real listener with WebDAV, page and health routes on a free port, over a namespace; ended with the test. */
export async function webdavServer(
  t: { teardown(act: () => Promise<void>): void },
  setup: WebdavSetup = {},
): Promise<WebdavServer> {
  const namespace = await testNamespace(t, setup.mounts ?? [], setup.home ?? (() => new MemoryDriver()));
  const { log = noLog, meter = noMeter, ready = true } = setup;
  const auth = setup.auth ?? new FixedUsers();
  const listener = new HttpListener({
    listen: { host: '127.0.0.1', port: 0 },
    tls: setup.tls,
    trustedProxies: setup.trustedProxies ?? [],
    routes: [
      webdav({ prefix: '/dav/', auth, views: namespace, log, publicUrl: setup.publicUrl }),
      ...health({ ready: () => ({ ready, lines: ['/ ok'] }) }),
      page({ node: 'node-a', sftpPort: 2022 }),
      ...(setup.routes ?? []),
    ],
    meter,
    log,
    limits: setup.limits,
  });
  const url = await listener.start();
  t.teardown(() => listener.stop(Date.now()));
  const origin = url.slice(0, -1);
  return { origin, dav: `${origin}/dav/`, port: Number(new URL(url).port), namespace, listener };
}

/** Homes as folders below `folder`, one per user. */
export function localHomes(folder: string): (user: string) => Driver {
  return (user) => new LocalDriver({ path: join(folder, user), create: true }, noLog);
}

/** Asks for something below `/dav/` as alice; `path` goes on the wire as it is. */
export function dav(server: WebdavServer, method: string, path: string, options: Ask = {}): Promise<Answer> {
  const headers = { Authorization: ALICE, ...options.headers };
  return ask(server.origin, `/dav${path}`, { ...options, method, headers });
}

export const ALICE = `Basic ${Buffer.from('alice:alice-secret').toString('base64')}`;
export const BOB = `Basic ${Buffer.from('bob:bob-secret').toString('base64')}`;
