import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '../../core/log.js';
import type { Counter, Gauge, Histogram, Meter } from '../../core/meter.js';
import { type Frontend, StartError } from '../frontend.js';
import type { Route } from '../route.js';
import { plainAddress, TrustedProxies } from './client-address.js';
import { ConnectionCap } from './connection-cap.js';
import { HTTP_LIMITS, type HttpLimits } from './limits.js';
import { ListenerRequest } from './request.js';
import { type TlsFiles, tlsSettings } from './tls.js';

export interface HttpListenerOptions {
  /** `port` 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Absent: plain HTTP. */
  readonly tls?: TlsFiles | undefined;
  /** Networks whose X-Forwarded-For and X-Forwarded-Proto are believed. */
  readonly trustedProxies: readonly string[];
  readonly routes: readonly Route[];
  readonly meter: Meter;
  readonly log: Logger;
  readonly limits?: Partial<HttpLimits> | undefined;
}

/** Methods that have a label of their own in metrics; what a client invents is `other`. */
const METHODS: ReadonlySet<string> = new Set(
  'GET HEAD PUT DELETE OPTIONS POST PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK'.split(' '),
);

/** What a client invents may be as long as a head; a line of the log may not. */
const LOGGED_PATH = 1024;

/** The one HTTP(S) listener of the daemon: it bounds what clients may take and hands requests to the routes. */
export class HttpListener implements Frontend {
  readonly name = 'web';
  readonly #options: HttpListenerOptions;
  readonly #limits: HttpLimits;
  readonly #proxies: TrustedProxies;
  readonly #routes: readonly Route[];
  readonly #log: Logger;
  readonly #operations: Counter;
  readonly #seconds: Histogram;
  readonly #bytes: Counter;
  readonly #connections: Gauge;
  readonly #sockets = new Set<Socket>();
  readonly #active = new Map<Socket, number>();
  readonly #run = Date.now().toString(36);
  #server: Server | undefined;
  #sequence = 0;

  constructor(options: HttpListenerOptions) {
    this.#options = options;
    this.#limits = { ...HTTP_LIMITS, ...options.limits };
    this.#proxies = new TrustedProxies(options.trustedProxies);
    this.#routes = options.routes.toSorted((a, b) => b.prefix.length - a.prefix.length);
    this.#log = options.log;
    const { meter } = options;
    this.#operations = meter.counter('isthmus_frontend_operations_total', 'Operations of front ends.', [
      'frontend',
      'operation',
      'result',
    ]);
    this.#seconds = meter.histogram('isthmus_frontend_operation_duration_seconds', 'Duration of operations.', [
      'frontend',
      'operation',
    ]);
    this.#bytes = meter.counter('isthmus_frontend_bytes_total', 'Bytes of content moved by front ends.', [
      'frontend',
      'direction',
    ]);
    this.#connections = meter.gauge('isthmus_http_connections', 'Open connections of the HTTP listener.');
  }

  /** Where it listens, once started; the port is the real one. */
  get url(): string {
    const { address, port, family } = this.#server!.address() as AddressInfo;
    const host = family === 'IPv6' ? `[${address}]` : address;
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${host}:${port}/`;
  }

  async start(): Promise<string> {
    const limits = this.#limits;
    const settings: ServerOptions = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeout,
      // Bodies may take days; they are watched for progress instead.
      requestTimeout: 0,
      keepAliveTimeout: limits.idleTimeout,
      // Node looks only this often; its default of 30 s on top of its 60 s lets slow clients stay 93 s.
      connectionsCheckingInterval: Math.max(100, Math.min(2_000, limits.headersTimeout / 4)),
      noDelay: true,
    };
    const { tls } = this.#options;
    const server =
      tls === undefined
        ? createServer(settings)
        : createTlsServer({ ...settings, ...tlsSettings(tls), handshakeTimeout: limits.headersTimeout });
    const cap = new ConnectionCap(limits, this.#proxies, this.#connections, () => this.#busy());
    server.on('connection', (socket: Socket) => {
      if (!cap.admit(socket)) return;
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (message, response) => this.#serve(message, response, false));
    server.on('checkContinue', (message, response) => this.#serve(message, response, true));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket));
    await listen(server, this.#options.listen);
    server.on('error', (error) => this.#log.error({ err: error }, 'listener failed'));
    this.#server = server;
    return this.url;
  }

  async stop(deadline: number): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    this.#closeIdle();
    const timer = setTimeout(
      () => {
        for (const socket of this.#sockets) socket.destroy();
      },
      Math.max(0, deadline - Date.now()),
    );
    // A connection that was in the middle of a request is idle only afterwards.
    const idle = setInterval(() => this.#closeIdle(), 50);
    await closed;
    clearTimeout(timer);
    clearInterval(idle);
  }

  /** Closes every connection without a request under way; Node's own method leaves those that never had one. */
  #closeIdle(): void {
    const busy = this.#busy();
    for (const socket of this.#sockets) if (!busy(socket)) socket.destroy();
  }

  /** Which connections have a request under way. */
  #busy(): (socket: Socket) => boolean {
    // With TLS the request lies on another object than the connection: the peer's port tells which.
    const name = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
    const busy = new Set([...this.#active.keys()].map(name));
    return (socket) => busy.has(name(socket));
  }

  #serve(message: IncomingMessage, response: ServerResponse, awaitsContinue: boolean): void {
    const began = performance.now();
    const { socket } = message;
    const pipelined = this.#active.get(socket) ?? 0;
    if (pipelined >= this.#limits.pipeline) {
      socket.destroy();
      return;
    }
    this.#active.set(socket, pipelined + 1);
    const peer = plainAddress(socket.remoteAddress ?? '');
    const trusted = this.#proxies.has(peer);
    const forwardedFor = message.headers['x-forwarded-for'];
    this.#sequence += 1;
    const request = new ListenerRequest(message, response, {
      id: `${this.#run}-${this.#sequence.toString(36)}`,
      address: this.#proxies.clientOf(peer, typeof forwardedFor === 'string' ? forwardedFor : undefined),
      secure: 'encrypted' in socket || (trusted && message.headers['x-forwarded-proto'] === 'https'),
      awaitsContinue,
      limits: this.#limits,
    });
    const route = this.#routeOf(request.path);
    const frontend = route?.name ?? 'web';
    response.once('close', () => {
      const left = (this.#active.get(socket) ?? 1) - 1;
      if (left > 0) this.#active.set(socket, left);
      else this.#active.delete(socket);
      if (!response.writableFinished) request.close();
      this.#account(request, response, frontend, performance.now() - began);
    });
    message.on('error', () => {});
    response.on('error', () => {});
    if (route === undefined) {
      response.writeHead(404, { 'Content-Length': '0' });
      request.end();
      return;
    }
    try {
      const done = route.handle(request, response);
      if (done !== undefined) done.catch((error: unknown) => this.#failed(request, response, error));
    } catch (error) {
      this.#failed(request, response, error);
    }
  }

  #routeOf(path: string): Route | undefined {
    return this.#routes.find(
      ({ prefix }) => path === prefix || (prefix.endsWith('/') && (path.startsWith(prefix) || `${path}/` === prefix)),
    );
  }

  #failed(request: ListenerRequest, response: ServerResponse, error: unknown): void {
    this.#log.error({ id: request.id, method: request.method, err: error }, 'request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(500, { 'Content-Length': '0' });
    request.end();
  }

  #account(request: ListenerRequest, response: ServerResponse, frontend: string, ms: number): void {
    const operation = METHODS.has(request.method) ? request.method : 'other';
    // A response that broke off has no status that the client saw.
    const result = response.writableFinished ? String(response.statusCode) : 'aborted';
    const { sent, received, user, mount } = request.notes;
    this.#operations.add([frontend, operation, result]);
    this.#seconds.observe([frontend, operation], ms / 1000);
    if (received > 0) this.#bytes.add([frontend, 'in'], received);
    if (sent > 0) this.#bytes.add([frontend, 'out'], sent);
    this.#log.info(
      {
        id: request.id,
        frontend,
        method: request.method,
        path: request.path.slice(0, LOGGED_PATH),
        status: response.statusCode,
        result,
        user,
        mount,
        address: request.address,
        received,
        sent,
        ms: Math.round(ms * 100) / 100,
      },
      'request',
    );
  }

  /** What is not HTTP, or not in time, gets a status and a closed connection. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    // Anything else is a broken connection or handshake, on which nothing can be said.
    const answerable = error.code?.startsWith('HPE_') || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (!answerable || !socket.writable || this.#active.has(socket as Socket)) {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request';
    this.#operations.add(['web', 'other', status.slice(0, 3)]);
    this.#log.debug({ code: error.code, address: (socket as Socket).remoteAddress }, 'request refused');
    socket.on('error', () => {});
    (socket as Socket).end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    (socket as Socket).destroySoon();
  }
}

function listen(server: Server, { host, port }: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const where = `web.listen ${host}:${port}`;
      if (cause.code === 'EADDRINUSE') reject(new StartError(`${where} is taken by another program`, 1, { cause }));
      else if (cause.code === 'EACCES') reject(new StartError(`${where} needs a privilege to be opened`, 1, { cause }));
      else reject(new StartError(`${where} is not an address of this host (${cause.code})`, 78, { cause }));
    });
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}
