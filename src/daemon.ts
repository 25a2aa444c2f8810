import { join } from 'node:path';
import { driverKinds } from '../mounts/index.js';
import { layered } from '../mounts/layers/index.js';
import { adminCommands } from './admin/commands.js';
import { explainAccess } from './admin/explain.js';
import { ensureFirstUser } from './admin/first-user.js';
import { AdminSocket } from './admin/socket.js';
import { statusOf } from './admin/status.js';
import { UserAdmin } from './admin/users.js';
import { AccountEvents } from './auth/account-events.js';
import { LocalSource } from './auth/local.js';
import { PasswordHasher } from './auth/password-hasher.js';
import { SignIn } from './auth/sign-in.js';
import { Staging } from './cache/staging.js';
import type { Config } from './config/config.js';
import { identity } from './config/identity.js';
import { inWordsWithCause } from './core/in-words.js';
import { ROOT } from './core/path.js';
import { StartError } from './core/start-error.js';
import { Doors } from './doors.js';
import type { Readiness } from './frontends/web/health.js';
import { Probe } from './jobs/probe.js';
import { type Purgeable, purgeJob } from './jobs/purge.js';
import { Scheduler } from './jobs/scheduler.js';
import type { DaemonLogger } from './logger.js';
import { PrometheusMeter } from './metrics/prometheus.js';
import { MountAdmin } from './mount-admin.js';
import { MountSet } from './mount-set.js';
import { type Door, readyLine, shownPath } from './ready-line.js';
import { prepareState } from './state-folder.js';
import { homeOf, makeDriver, purgeHome } from './storages.js';
import { lockState } from './store/state-lock.js';
import { openStore, type Store } from './store/store.js';
import { version } from './version.js';
import { Namespace } from './vfs/namespace.js';

/** How long the first look at a storage may keep the daemon from being ready, in ms. */
const FIRST_LOOK = 3_000;

/** How long a reload waits for what is being written on mounts that go, in ms. */
const SETTLE = 30_000;

export interface DaemonOptions {
  readonly config: Config;
  readonly log: DaemonLogger;
}

/** What a reload did. */
export interface Reloaded {
  readonly changed: readonly string[];
  /** Keys that changed but take effect at the next start only. */
  readonly restart: readonly string[];
}

/**
 * The composition root: brings every room to life in the order in which they need each other, and ends them in the
 * reverse order.
 */
export class Daemon {
  readonly #log: DaemonLogger;
  readonly #meter = new PrometheusMeter();
  readonly #kinds = driverKinds();
  readonly #mounts: MountSet;
  readonly #probe: Probe;
  /** What ends what was started, in the order of starting. */
  readonly #closers: ((deadline: number) => unknown)[] = [];
  #config: Config;
  #namespace: Namespace | undefined;
  #doors: readonly Door[] = [];
  #ready = '';
  #firstStart: string | undefined;
  #serving = false;
  #started: Promise<void> = Promise.resolve();
  #stopping: Promise<boolean> | undefined;

  constructor({ config, log }: DaemonOptions) {
    this.#config = config;
    this.#log = log;
    this.#mounts = new MountSet(this.#kinds, log, this.#meter);
    this.#probe = new Probe(
      () => this.#mounts.all.map(({ at, driver }) => ({ at, reach: (call) => driver.stat(ROOT, call) })),
      this.#meter,
    );
  }

  /** The line that says where everything is. */
  get ready(): string {
    return this.#ready;
  }

  /** What to tell whoever starts it for the first time. */
  get firstStart(): string | undefined {
    return this.#firstStart;
  }

  /**
   * Resolves when every front end serves and every mount was tried.
   * @throws StartError when it cannot be served; what was started is ended by `stop`
   */
  start(): Promise<void> {
    this.#started = this.#start();
    return this.#started;
  }

  async #start(): Promise<void> {
    const config = this.#config;
    const log = this.#log;
    const { state } = config.node;
    prepareState(state);
    const lock = lockState(state);
    this.#closers.push(() => lock.release());
    const store = await openStore({ file: config.database.path, log });
    this.#closers.push(() => store.close());

    const hasher = new PasswordHasher();
    const events = new AccountEvents();
    const local = new LocalSource(store, hasher, log);
    const auth = new SignIn({ sources: config.auth.local.enabled ? [local] : [], events, log, meter: this.#meter });
    const first = await ensureFirstUser(store, hasher, join(state, 'initial-password'));
    if (first !== undefined) {
      this.#firstStart = `first start: user ${first.name}, password in ${shownPath(first.file)} (0600)`;
    }

    const staging = new Staging(config.cache.path);
    await staging.prepare().catch((cause: unknown) => {
      throw new StartError(
        `cache.path: ${shownPath(config.cache.path)} cannot be made: ${inWordsWithCause(cause)}`,
        1,
        {
          cause,
        },
      );
    });
    await staging.sweep();
    this.#mounts.replace(config.mounts);
    this.#closers.push(() => Promise.all(this.#mounts.all.map(({ driver }) => driver.close().catch(() => {}))));
    const namespace = new Namespace({
      mounts: this.#mounts.all,
      home: (user) => {
        const driver = makeDriver(this.#kinds, homeOf(config.homes, user), `home of ${user}`, log);
        return layered(driver, { mount: 'homes', meter: this.#meter, log });
      },
      locks: store.locks,
      properties: store.properties,
      staging,
      node: config.node.name,
      log,
      meter: this.#meter,
    });
    this.#namespace = namespace;
    this.#closers.push(() =>
      Promise.all(namespace.mounts.filter(({ at }) => at === ROOT).map(({ driver }) => driver.close().catch(() => {}))),
    );

    const doors = new Doors({
      config,
      auth,
      views: namespace,
      meter: this.#meter,
      log,
      readiness: () => this.#readiness(),
      principal: async (name) => {
        const account = await local.find(name);
        if (account === undefined || account.disabled) return undefined;
        return { name: account.name, groups: account.groups, admin: account.admin };
      },
    });
    const mounts = new MountAdmin(this.#mounts, this.#probe);
    const nodeState = {
      node: config.node.name,
      version,
      started: Date.now(),
      doors: () => this.#doors.map(({ name, at, off }) => ({ name, where: at ?? `off(${off})` })),
      openFiles: () => namespace.openFiles,
    };
    const socket = new AdminSocket({
      file: join(state, 'admin.sock'),
      handlers: adminCommands({
        users: new UserAdmin(store, hasher, events, log),
        mounts,
        status: () => statusOf(nodeState, mounts, store),
        explain: (user, path) => explainAccess(namespace, auth, user, path),
      }),
      log,
    });
    this.#closers.push((deadline) => socket.stop(deadline));
    await socket.start();
    // Stopped before the socket, so that `isthmus status` can be asked while they drain.
    this.#closers.push((deadline) => doors.stop(deadline));
    const [opened] = await Promise.all([doors.start(), this.#probe.run(new AbortController().signal, FIRST_LOOK)]);
    for (const { at, up, reason: why, error } of this.#probe.found) {
      if (!up)
        log.warn({ mount: at, reason: why, err: error }, 'mount does not answer; it is tried again, the rest serves');
    }

    const purge = purgeJob({
      mounts: () => [
        ...namespace.mounts.map(({ at, space, driver }) => ({ at: at === ROOT ? space : at, purge: driver.purge })),
        ...this.#unusedHomes(namespace, store),
      ],
      locks: () => namespace.purgeLocks(),
      log,
    });
    const jobs = [this.#probe, purge];
    const scheduler = new Scheduler(jobs, log, this.#meter);
    scheduler.start();
    this.#closers.push(() => scheduler.stop());
    this.#doors = opened;
    this.#ready = readyLine(opened);
    this.#serving = true;
  }

  /**
   * Takes over what can be taken over while serving: mounts with all they say, and the log level.
   * @throws StartError when a driver refuses its options; then nothing has changed
   */
  async reload(config: Config): Promise<Reloaded> {
    const before = this.#config;
    const differs = (key: keyof Config) => identity(before[key]) !== identity(config[key]);
    const changed: string[] = [];
    if (differs('mounts')) {
      const gone = this.#mounts.replace(config.mounts);
      this.#namespace?.replaceMounts(this.#mounts.all);
      changed.push('mounts');
      await this.#namespace?.settle(gone, AbortSignal.timeout(SETTLE));
      await Promise.all(gone.map((driver) => driver.close().catch(() => {})));
      void this.#probe.run(new AbortController().signal);
    }
    if (differs('log')) {
      this.#log.setLevel(config.log.level);
      changed.push('log');
    }
    const fixed = ['node', 'web', 'sftp', 'drives', 'metrics', 'database', 'cache', 'homes', 'auth'] as const;
    const restart = fixed.filter(differs);
    // What runs is still as it was in the keys that wait for a restart.
    this.#config = { ...before, mounts: config.mounts, log: config.log };
    return { changed, restart };
  }

  /**
   * Ends everything, front ends first; safe to call again, also in the middle of a start.
   * @param deadline  ms since 1970, until which what runs may finish
   * @returns whether all of it ended cleanly
   */
  stop(deadline: number): Promise<boolean> {
    this.#serving = false;
    // A start in the middle would go on opening what was closed behind it.
    this.#stopping ??= this.#started.catch(() => {}).then(() => this.#end(deadline));
    return this.#stopping;
  }

  async #end(deadline: number): Promise<boolean> {
    let clean = true;
    for (;;) {
      const close = this.#closers.pop();
      if (close === undefined) return clean;
      try {
        if ((await close(deadline)) === false) clean = false;
      } catch (error) {
        clean = false;
        this.#log.error({ err: error }, 'something did not end cleanly');
      }
    }
  }

  /** Homes of local users that nobody has used since the start: a killed daemon may have left files there too. */
  #unusedHomes(namespace: Namespace, { users }: Store): readonly Purgeable[] {
    const used = new Set(namespace.mounts.map(({ space }) => space));
    const { homes } = this.#config;
    return users
      .list()
      .filter(({ name }) => !used.has(`home:${name}`))
      .map(({ name }) => ({
        at: `home:${name}`,
        purge: (olderThan, call) => purgeHome(this.#kinds, homes, name, olderThan, call),
      }));
  }

  #readiness(): Readiness {
    // A mount that is away is its own trouble (promise 4): the node serves the others.
    const lines = this.#probe.found.map(({ at, up, reason: why }) => (up ? `${at} ok` : `${at} unavailable: ${why}`));
    return { ready: this.#serving, lines };
  }
}
