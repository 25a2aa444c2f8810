import { join } from 'node:path';
import type { Authenticator } from './auth/authenticator.js';
import type { Principal } from './auth/principal.js';
import type { Config, DriveConfig } from './config/config.js';
import type { Logger } from './core/log.js';
import { Drive } from './frontends/drive/drive.js';
import { type Frontend, Unavailable } from './frontends/frontend.js';
import { HttpListener } from './frontends/http/listener.js';
import { SftpServer } from './frontends/sftp/server.js';
import { health, type Readiness } from './frontends/web/health.js';
import { page } from './frontends/web/page.js';
import { webdav } from './frontends/webdav/server.js';
import { MetricsListener } from './metrics/listener.js';
import type { PrometheusMeter } from './metrics/prometheus.js';
import { bindTo, type Door, shownPath } from './ready-line.js';
import type { Views } from './vfs/views.js';

const DAV = '/dav/';

export interface DoorContext {
  readonly config: Config;
  readonly auth: Authenticator;
  readonly views: Views;
  readonly meter: PrometheusMeter;
  readonly log: Logger;
  readonly readiness: () => Readiness;
  /** The user whose view a drive shows. */
  readonly principal: (name: string) => Promise<Principal | undefined>;
}

/** Every front end that the configuration asks for. */
export class Doors {
  readonly #context: DoorContext;
  readonly #started: Frontend[] = [];

  constructor(context: DoorContext) {
    this.#context = context;
  }

  /**
   * Starts them all, one after the other: of two that cannot start, the first is told.
   * @throws StartError when one cannot be served as configured; what was started is then stopped with `stop`
   */
  async start(): Promise<readonly Door[]> {
    const doors: Door[] = [];
    const web = await this.#open('web', this.#web());
    doors.push(web, web.at === undefined ? { ...web, name: 'dav' } : { name: 'dav', at: new URL(DAV, web.at).href });
    doors.push(await this.#open('sftp', this.#sftp()));
    const { drives } = this.#context.config;
    if (drives.length === 0) doors.push({ name: 'drive', off: 'none configured' });
    for (const drive of drives) doors.push(await this.#open('drive', await this.#drive(drive)));
    doors.push(await this.#open('metrics', this.#metrics()));
    return doors;
  }

  /** Lets what runs finish until the deadline (ms since 1970). @returns whether every one of them stopped cleanly */
  async stop(deadline: number): Promise<boolean> {
    const stopped = await Promise.all(
      this.#started.splice(0).map(async (door) => {
        try {
          await door.stop(deadline);
          return true;
        } catch (error) {
          this.#context.log.error({ err: error, frontend: door.name }, 'front end did not stop cleanly');
          return false;
        }
      }),
    );
    return stopped.every(Boolean);
  }

  async #open(name: string, door: Frontend | string): Promise<Door> {
    if (typeof door === 'string') return { name, off: door };
    try {
      // Before it starts: half-started, it has things to give back.
      this.#started.push(door);
      const at = await door.start();
      return { name, at: at.startsWith('/') ? shownPath(at) : at };
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      this.#context.log.warn({ frontend: name, reason: error.message }, 'front end is off: the host lacks something');
      return { name, off: error.message };
    }
  }

  #web(): Frontend | string {
    const { config, auth, views, meter, log, readiness } = this.#context;
    const { listen, tls, trustedProxies, url } = config.web;
    if (listen === undefined) return 'switched off';
    return new HttpListener({
      listen: bindTo(listen),
      tls: tls && {
        cert: tls.cert.content,
        key: tls.key.content.reveal(),
        names: { cert: tls.cert.path, key: tls.key.path },
      },
      trustedProxies,
      routes: [
        webdav({ prefix: DAV, auth, views, publicUrl: url, log: log.child({ frontend: 'webdav' }) }),
        page({
          node: config.node.name,
          davUrl: url === undefined ? undefined : new URL(DAV, url).href,
          sftpPort: config.sftp.listen?.port,
        }),
        ...health({ ready: readiness }),
      ],
      meter,
      log,
    });
  }

  #sftp(): Frontend | string {
    const { config, auth, views, meter, log } = this.#context;
    if (config.sftp.listen === undefined) return 'switched off';
    return new SftpServer({
      listen: bindTo(config.sftp.listen),
      hostKeys: config.sftp.hostKeys.map(({ path }) => path),
      defaultHostKey: join(config.node.state, 'ssh_host_ed25519_key'),
      auth,
      views,
      meter,
      log: log.child({ frontend: 'sftp' }),
    });
  }

  async #drive(drive: DriveConfig): Promise<Frontend | string> {
    const principal = await this.#context.principal(drive.as);
    if (principal === undefined) return `there is no user ${drive.as}`;
    const { config, views, meter, log } = this.#context;
    return new Drive({
      path: drive.path,
      view: views.of(principal),
      allowOther: drive.allowOther,
      uid: drive.uid ?? process.getuid!(),
      gid: drive.gid ?? process.getgid!(),
      umask: drive.umask,
      maxAge: config.cache.maxAge / 1000,
      meter,
      log: log.child({ frontend: 'drive' }),
    });
  }

  #metrics(): Frontend | string {
    const { config, meter, log } = this.#context;
    if (config.metrics.listen === undefined) return 'switched off';
    return new MetricsListener({ ...bindTo(config.metrics.listen), meter, log });
  }
}
