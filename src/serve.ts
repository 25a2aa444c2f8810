import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Config } from './config/config.js';
import { ConfigError, formatProblem } from './config/problem.js';
import type { Logger } from './core/log.js';
import { Daemon } from './daemon.js';
import { makeLogger } from './logger.js';
import { ServiceManager } from './service-manager.js';

/** How long what runs may take to finish once the daemon is told to stop, in ms; and once it is told again. */
const DRAIN = 30_000;
const HURRY = 2_000;

/**
 * Runs the daemon until SIGTERM or SIGINT: prints where everything is, reloads on SIGHUP, drains and unmounts at the
 * end.
 * @returns the exit code
 * @throws ConfigError, StartError when it cannot start
 */
export async function serve(load: () => Promise<Config>): Promise<number> {
  const config = await load();
  const log = makeLogger(config.log.level);
  const manager = new ServiceManager(log);
  // Whoever read our output may be gone; that is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

  const end = new Ending(log, manager);
  const daemon = new Daemon({ config, log });
  end.of(daemon);
  let ready = false;
  const terminal = process.stderr.isTTY;
  process.on('SIGHUP', () => {
    if (terminal && terminalIsGone()) end.ask('SIGHUP');
    else if (ready) void reload(daemon, load, log);
  });
  try {
    await daemon.start();
  } catch (error) {
    await daemon.stop(Date.now() + HURRY);
    if (end.asked) return 0;
    // The user was made, and the next start will not say so.
    if (daemon.firstStart !== undefined) process.stdout.write(`${daemon.firstStart}\n`);
    throw error;
  }
  if (!end.asked) {
    ready = true;
    noteLimits(log);
    process.stdout.write(`${daemon.ready}\n`);
    const first = daemon.firstStart;
    if (first !== undefined) process.stdout.write(`${first}\n`);
    manager.ready(daemon.ready);
  }
  return end.code;
}

/** Tells the end of a terminal from a request to reload: SIGHUP means either. */
function terminalIsGone(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

async function reload(daemon: Daemon, load: () => Promise<Config>, log: Logger): Promise<void> {
  try {
    const { changed, restart } = await daemon.reload(await load());
    log.info({ changed, restart }, 'configuration read again');
    if (restart.length > 0) log.warn({ keys: restart }, 'these keys take effect at the next start only');
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems.map(formatProblem) : [String(error)];
    log.error({ problems }, 'the configuration is refused; the old one stays');
  }
}

/** What ends the daemon: signals, and errors nobody caught. */
class Ending {
  readonly #log: Logger;
  readonly #manager: ServiceManager;
  readonly #done: Promise<number>;
  #resolve: (code: number) => void = () => {};
  #daemon: Daemon | undefined;
  #asked = 0;
  #code = 0;

  constructor(log: Logger, manager: ServiceManager) {
    this.#log = log;
    this.#manager = manager;
    this.#done = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Resolves with the exit code once all has stopped. */
  get code(): Promise<number> {
    return this.#done;
  }

  get asked(): boolean {
    return this.#asked > 0;
  }

  of(daemon: Daemon): void {
    this.#daemon = daemon;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.ask(signal));
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        this.#log.error({ err: error, event }, 'a fault of the program: the daemon ends');
        this.#code = 1;
        void this.#stop(HURRY);
      });
    }
  }

  ask(signal: string): void {
    this.#asked += 1;
    const patience = this.#asked === 1 ? DRAIN : HURRY;
    this.#log.info({ signal, seconds: patience / 1000 }, 'stopping');
    if (this.#asked === 1) void this.#stop(patience);
    else setTimeout(() => process.exit(1), this.#asked === 2 ? HURRY : 0);
  }

  async #stop(patience: number): Promise<void> {
    this.#manager.stopping();
    // Whatever hangs, the process ends.
    setTimeout(() => process.exit(1), patience + 5_000).unref();
    const clean = await this.#daemon!.stop(Date.now() + patience);
    this.#log.info({ clean }, 'stopped');
    this.#resolve(this.#code !== 0 || clean ? this.#code : 1);
  }
}

/** Every client and every open file takes a descriptor; Node has raised the soft limit to the hard one by now. */
function noteLimits(log: Logger): void {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const most = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  if (most !== undefined && Number(most) < 16_384) {
    log.warn({ limit: Number(most) }, 'few file descriptors: raise the limit (LimitNOFILE=) for many clients');
  }
}
