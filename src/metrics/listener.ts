import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../core/log.js';
import { StartError } from '../core/start-error.js';
import type { Exposition } from './prometheus.js';

export interface MetricsListenerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly meter: { render(openMetrics: boolean): Promise<Exposition> };
  readonly log: Logger;
}

/**
 * Serves `/metrics` to Prometheus, on a port of its own so that it need not be open to users. A Frontend by its shape:
 * this room does not import that one.
 */
export class MetricsListener {
  readonly name = 'metrics';
  readonly #options: MetricsListenerOptions;
  readonly #server: Server;

  constructor(options: MetricsListenerOptions) {
    this.#options = options;
    this.#server = createServer({ maxHeaderSize: 8192 }, (request, response) => void this.#answer(request, response));
    this.#server.maxConnections = 32;
    this.#server.headersTimeout = 5_000;
    this.#server.requestTimeout = 5_000;
    this.#server.keepAliveTimeout = 120_000;
  }

  /** @returns `http://127.0.0.1:9464/metrics`
   *  @throws StartError when the address is taken or not ours */
  start(): Promise<string> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, host, port)));
      this.#server.listen({ host, port }, () => {
        const bound = this.#server.address() as AddressInfo;
        const shown = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
        resolve(`http://${shown}:${bound.port}/metrics`);
      });
    });
  }

  /** @param deadline  ms since 1970 */
  async stop(deadline: number): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const end = setTimeout(() => this.#server.closeAllConnections(), Math.max(0, deadline - Date.now()));
    await closed;
    clearTimeout(end);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      request.resume();
      if (request.url?.split('?', 1)[0] !== '/metrics') {
        response.writeHead(404, { 'content-type': 'text/plain' }).end('see /metrics\n');
      } else if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.writeHead(405, { allow: 'GET, HEAD' }).end();
      } else {
        const { contentType, text } = await this.#options.meter.render(wantsOpenMetrics(request.headers.accept));
        const headers = { 'content-type': contentType, 'content-length': Buffer.byteLength(text), vary: 'accept' };
        response.writeHead(200, headers).end(request.method === 'HEAD' ? undefined : text);
      }
    } catch (err) {
      this.#options.log.error({ err }, 'metrics could not be given');
      response.writeHead(500).end();
    }
  }
}

/** Prometheus names the formats that it takes with weights; the one we have both of goes by the greater (RFC 9110 §12.5.1). */
function wantsOpenMetrics(accept = ''): boolean {
  const weights = new Map<string, number>();
  for (const range of accept.slice(0, 1024).split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2)) || 0;
    weights.set(type, Math.max(weight, weights.get(type) ?? 0));
  }
  const open = weights.get('application/openmetrics-text') ?? 0;
  return open > 0 && open >= (weights.get('text/plain') ?? 0);
}

function refusal(error: NodeJS.ErrnoException, host: string, port: number): StartError {
  const where = `metrics.listen: ${host}:${port}`;
  if (error.code === 'EADDRINUSE')
    return new StartError(`${where} is taken by another process; choose another port or stop that one`, 78, {
      cause: error,
    });
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new StartError(`${where} is not an address of this host`, 78, { cause: error });
  if (error.code === 'EACCES')
    return new StartError(`${where} needs more rights; choose a port from 1024 on`, 78, { cause: error });
  return new StartError(`${where}: ${error.message}`, 1, { cause: error });
}
