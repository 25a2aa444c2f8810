import { spawn } from 'node:child_process';
import type { Logger } from './core/log.js';

/**
 * Tells systemd how the daemon is (sd_notify(3)). Node has no unix datagrams, so `systemd-notify` speaks for us; the
 * unit has NotifyAccess=all. Without a service manager nothing is done.
 */
export class ServiceManager {
  readonly #log: Logger;
  readonly #env: NodeJS.ProcessEnv;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Logger, env: NodeJS.ProcessEnv = process.env) {
    this.#log = log;
    this.#env = env;
  }

  ready(status: string): void {
    this.#tell('--ready', `--status=${status}`);
    const interval = Number(this.#env.WATCHDOG_USEC) / 1000;
    if (!(interval > 0)) return;
    // A third: one late answer of the event loop is no reason to be killed.
    this.#watchdog ??= setInterval(() => this.#tell('WATCHDOG=1'), interval / 3).unref();
  }

  status(text: string): void {
    this.#tell(`--status=${text}`);
  }

  stopping(): void {
    clearInterval(this.#watchdog);
    this.#tell('STOPPING=1', '--status=draining');
  }

  #tell(...args: string[]): void {
    if (!this.#env.NOTIFY_SOCKET) return;
    const child = spawn('systemd-notify', args, { stdio: 'ignore', env: this.#env });
    child.on('error', (error) => this.#log.warn({ err: error }, 'systemd-notify cannot be run'));
    child.unref();
  }
}
