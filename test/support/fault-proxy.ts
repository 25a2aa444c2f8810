import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const MAX_QUEUED = 1 << 20;

/** What goes wrong on the way; each may be changed at any time. */
export interface Faults {
  /** Added latency in ms, one way. */
  delay?: number | undefined;
  /** Bytes per second, each way. */
  rate?: number | undefined;
  /** New connections are dropped. */
  refuse?: boolean | undefined;
  /** Nothing passes any more, connections stay open. */
  stall?: boolean | undefined;
  /** A connection is reset once the server has sent so many bytes on it. */
  cutAfter?: number | undefined;
  /** A connection is reset once the client has sent so many bytes on it. */
  cutUploadAfter?: number | undefined;
}

export interface FaultProxy {
  readonly port: number;
  readonly faults: Faults;
  /** Resets every connection there is. */
  cut(): void;
  close(): Promise<void>;
}

/** A TCP proxy on a port of 127.0.0.1 that passes everything to `port` of `host`, with faults. */
export async function faultProxy(options: { port: number; host?: string } & Faults): Promise<FaultProxy> {
  const { port, host = '127.0.0.1', ...given } = options;
  const faults: Faults = given;
  const open = new Set<Socket>();

  const pass = (from: Socket, to: Socket, limit: () => number | undefined) => {
    let queued = 0;
    let sent = 0;
    let freeAt = 0;
    let last: Promise<void> = Promise.resolve();
    const inTurn = (at: number, act: () => void) => {
      last = last.then(async () => {
        const wait = at - performance.now();
        if (wait > 0) await sleep(wait);
        while (faults.stall && !to.destroyed) await sleep(10);
        if (!to.destroyed) act();
      });
    };
    const arrival = (bytes: number) => {
      freeAt = Math.max(performance.now(), freeAt) + (faults.rate ? (bytes / faults.rate) * 1000 : 0);
      return freeAt + (faults.delay ?? 0);
    };
    from.on('data', (data: Buffer) => {
      queued += data.length;
      if (queued > MAX_QUEUED) from.pause();
      inTurn(arrival(data.length), () => {
        const room = (limit() ?? Number.POSITIVE_INFINITY) - sent;
        sent += data.length;
        queued -= data.length;
        to.write(room < data.length ? data.subarray(0, Math.max(room, 0)) : data, () => {
          if (queued <= MAX_QUEUED) from.resume();
        });
        if (room < data.length) to.end(() => reset([to, from]));
      });
    });
    from.on('end', () => inTurn(arrival(0), () => to.end()));
    from.on('error', () => reset([to]));
    from.on('close', () => open.delete(from));
    open.add(from);
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (faults.refuse) return reset([client]);
    const upstream = connect({ port, host, allowHalfOpen: true });
    pass(client, upstream, () => faults.cutUploadAfter);
    pass(upstream, client, () => faults.cutAfter);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => reset([...open]);
  return {
    port: (server.address() as AddressInfo).port,
    faults,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}

function reset(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy();
}
