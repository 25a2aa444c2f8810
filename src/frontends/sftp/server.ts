import { createServer, type Server, type Socket } from 'node:net';
import ssh2 from 'ssh2';
import type { Authenticator } from '../../auth/authenticator.js';
import type { Logger } from '../../core/log.js';
import type { Meter } from '../../core/meter.js';
import type { Views } from '../../vfs/views.js';
import { type Frontend, StartError } from '../frontend.js';
import { ALGORITHMS } from './algorithms.js';
import { BufferPool } from './buffer-pool.js';
import { Connection, type ConnectionContext } from './connection.js';
import { loadHostKeys } from './host-keys.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { SftpMetrics } from './metrics.js';
import { Ration } from './ration.js';

export interface SftpServerOptions {
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Files with the server's private keys, Ed25519 or RSA. */
  readonly hostKeys: readonly string[];
  /** Where one Ed25519 key is kept when `hostKeys` is empty; made at the first start. */
  readonly defaultHostKey: string;
  readonly auth: Authenticator;
  readonly views: Views;
  readonly meter: Meter;
  readonly log: Logger;
  readonly limits?: Partial<Limits> | undefined;
}

/** What is left of a deadline for writing a file to its storage once its client was cut off. */
const LAST_MOMENT = 500;

/** SFTP over SSH: ssh2 carries the packets, what is in them is ours. */
export class SftpServer implements Frontend {
  readonly name = 'sftp';
  readonly #options: SftpServerOptions;
  readonly #limits: Limits;
  readonly #metrics: SftpMetrics;
  readonly #context: ConnectionContext;
  readonly #connections = new Set<Connection>();
  /** By remote address and port, for ssh2 tells no more of a client that has introduced itself. */
  readonly #unnamed = new Map<string, Connection>();
  #listener: Server | undefined;

  constructor(options: SftpServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#metrics = new SftpMetrics(options.meter);
    const { auth, views, log } = options;
    this.#context = {
      auth,
      views,
      log,
      limits: this.#limits,
      metrics: this.#metrics,
      pool: new BufferPool(),
      ration: new Ration(this.#limits.totalBytes),
    };
  }

  async start(): Promise<string> {
    const { listen, hostKeys, defaultHostKey, log } = this.#options;
    const keys = await loadHostKeys(hostKeys, defaultHostKey, log);
    const ssh = new ssh2.Server(
      {
        hostKeys: keys,
        algorithms: ALGORITHMS,
        ident: 'isthmus',
        keepaliveInterval: this.#limits.keepaliveSeconds * 1000,
        keepaliveCountMax: 3,
      },
      (client, { ip, port }) => {
        const connection = this.#unnamed.get(`${ip}:${port}`);
        if (connection === undefined) client.end();
        else connection.speak(client);
      },
    );
    // ssh2's own listener is never used: sockets are counted and timed here before ssh2 sees a byte of them.
    const listener = createServer({ keepAlive: true, keepAliveInitialDelay: 60_000 }, (socket) => {
      if (this.#admit(socket)) ssh.injectSocket(socket);
    });
    this.#listener = listener;
    const port = await new Promise<number>((resolve, reject) => {
      listener.once('error', (error: NodeJS.ErrnoException) => {
        const where = `${listen.host}:${listen.port}`;
        const why = error.code === 'EADDRINUSE' ? 'the port is taken' : `cannot listen (${error.code})`;
        reject(new StartError(`sftp.listen: ${where}: ${why}`, 1, { cause: error }));
      });
      listener.listen(listen.port, listen.host, () => {
        const address = listener.address();
        resolve(typeof address === 'object' && address !== null ? address.port : listen.port);
      });
    });
    listener.removeAllListeners('error');
    listener.on('error', (error) => log.error({ error }, 'sftp listener failed'));
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return `sftp://${host}:${port}`;
  }

  async stop(deadline: number): Promise<void> {
    const listener = this.#listener;
    if (listener === undefined) return;
    this.#listener = undefined;
    const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
    // Files that are being written get until the deadline; whoever has nothing open goes at once.
    while (this.#connections.size > 0 && Date.now() < deadline - LAST_MOMENT) {
      for (const connection of this.#connections) if (connection.anonymous || connection.idle) connection.close();
      if ([...this.#connections].some((connection) => !connection.idle)) await pause(50);
      else await Promise.race([Promise.all([...this.#connections].map((c) => c.done)), pause(200)]);
    }
    const rest = [...this.#connections];
    for (const connection of rest) connection.destroy();
    await Promise.race([
      Promise.all([closed, ...rest.map((connection) => connection.done)]),
      pause(Math.max(LAST_MOMENT, deadline - Date.now())),
    ]);
  }

  /** Whether a new socket may stay; else it is told why in the words that OpenSSH uses, and closed. */
  #admit(socket: Socket): boolean {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || this.#listener === undefined) {
      socket.destroy();
      return false;
    }
    socket.on('error', () => {});
    const address = remoteAddress.replace(/^::ffff:/, '');
    const reason = this.#crowded(address);
    if (reason !== undefined) {
      this.#metrics.refused(reason);
      this.#options.log.warn({ address, reason }, 'sftp connection refused');
      socket.end('Too many connections\r\n');
      setTimeout(() => socket.destroy(), 1000).unref();
      return false;
    }
    const log = this.#options.log.child({ address, port: remotePort });
    const connection = new Connection(socket, address, { ...this.#context, log });
    const key = `${remoteAddress}:${remotePort}`;
    this.#connections.add(connection);
    this.#unnamed.set(key, connection);
    this.#metrics.connections(1);
    socket.once('close', () => {
      this.#unnamed.delete(key);
      this.#metrics.connections(-1);
    });
    void connection.done.then(() => this.#connections.delete(connection));
    return true;
  }

  #crowded(address: string): string | undefined {
    const { perAddress, anonymousPerAddress, anonymous, connections } = this.#limits;
    let same = 0;
    /** Connections that have not signed in, by address, oldest first. */
    const unknown = new Map<string, Connection[]>();
    let allUnknown = 0;
    for (const connection of this.#connections) {
      if (connection.address === address) same += 1;
      if (!connection.anonymous || connection.ended) continue;
      allUnknown += 1;
      const there = unknown.get(connection.address);
      if (there === undefined) unknown.set(connection.address, [connection]);
      else there.push(connection);
    }
    const own = unknown.get(address)?.length ?? 0;
    if (same >= perAddress || own >= anonymousPerAddress) return 'address-limit';
    if (this.#connections.size >= connections) return 'connection-limit';
    if (allUnknown < anonymous) return undefined;
    // Some addresses together must not lock out the rest: whoever has most gives its oldest up for whoever has fewer.
    const most = [...unknown.values()].reduce((a, b) => (b.length > a.length ? b : a));
    if (most.length <= own) return 'connection-limit';
    most[0]!.giveWay();
    return undefined;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
