import type { Socket } from 'node:net';
import type { Gauge } from '../../core/meter.js';
import { capKey, plainAddress, type TrustedProxies } from './client-address.js';
import type { HttpLimits } from './limits.js';

/** Counts connections by client address and closes those past the cap, so that one client cannot lock out the rest:
 *  a limit on all connections alone would do just that. */
export class ConnectionCap {
  readonly #limits: Pick<HttpLimits, 'connectionsPerAddress'>;
  readonly #proxies: TrustedProxies;
  readonly #gauge: Gauge;
  readonly #open = new Map<string, number>();

  constructor(limits: Pick<HttpLimits, 'connectionsPerAddress'>, proxies: TrustedProxies, gauge: Gauge) {
    this.#limits = limits;
    this.#proxies = proxies;
    this.#gauge = gauge;
    gauge.set([], 0);
  }

  /** @returns false when there were too many, and the socket was closed */
  admit(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress ?? '');
    const key = capKey(address);
    const count = this.#open.get(key) ?? 0;
    if (count >= this.#limits.connectionsPerAddress && !this.#proxies.has(address)) {
      socket.destroy();
      return false;
    }
    this.#open.set(key, count + 1);
    this.#gauge.add([], 1);
    socket.once('close', () => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left > 0) this.#open.set(key, left);
      else this.#open.delete(key);
      this.#gauge.add([], -1);
    });
    return true;
  }
}
