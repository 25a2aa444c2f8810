import { type IncomingHttpHeaders, request } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly ca?: string;
}

/** One request on a connection of its own. `url` is an origin, `target` goes on the wire exactly as it is. */
export function ask(
  origin: string,
  target: string,
  { method = 'GET', headers = {}, body, ca }: Ask = {},
): Promise<Answer> {
  const { hostname, port, protocol } = new URL(origin);
  return new Promise((resolve, reject) => {
    const send = protocol === 'https:' ? tlsRequest : request;
    const outgoing = send(
      { hostname, port, method, path: target, headers, agent: false, ...(ca === undefined ? {} : { ca }) },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () => {
          const whole = Buffer.concat(chunks);
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: whole, text: whole.toString() });
        });
      },
    );
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** Opens a socket, sends `text` as it is, and gives everything that comes back until the server closes or `until`. */
export function raw(port: number, text: string | Uint8Array, ms = 10_000): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = open(port);
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.write(text);
  });
}

/** A socket to 127.0.0.1 that does not mind being reset. */
export function open(port: number, localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  return socket;
}

export const closed = (socket: Socket): Promise<void> =>
  socket.destroyed ? Promise.resolve() : new Promise((resolve) => socket.once('close', () => resolve()));
