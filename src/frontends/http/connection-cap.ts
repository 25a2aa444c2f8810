import type { Socket } from 'node:net';
import type { Gauge } from '../../core/meter.js';
import { capKey, plainAddress, type TrustedProxies } from './client-address.js';
import type { HttpLimits } from './limits.js';

type Caps = Pick<HttpLimits, 'connectionsPerAddress' | 'connections'>;

/**
 * Counts connections by client address and closes those past the cap, so that one client cannot lock out the rest: a
 * limit on all connections alone would do just that. Some clients together may reach that one, so there whoever has
 * most gives an idle one up for whoever has fewer.
 */
export class ConnectionCap {
  readonly #limits: Caps;
  readonly #proxies: TrustedProxies;
  readonly #gauge: Gauge;
  /** Tells of sockets whether a request is under way on them. */
  readonly #busy: () => (socket: Socket) => boolean;
  /** By address, oldest first. */
  readonly #open = new Map<string, Set<Socket>>();
  #all = 0;

  constructor(limits: Caps, proxies: TrustedProxies, gauge: Gauge, busy: () => (socket: Socket) => boolean) {
    this.#limits = limits;
    this.#proxies = proxies;
    this.#gauge = gauge;
    this.#busy = busy;
    gauge.set([], 0);
  }

  /** @returns false when there were too many, and the socket was closed */
  admit(socket: Socket): boolean {
    const address = plainAddress(socket.remoteAddress ?? '');
    const key = this.#proxies.has(address) ? 'proxies' : capKey(address);
    const own = this.#open.get(key) ?? new Set();
    const crowded = key !== 'proxies' && own.size >= this.#limits.connectionsPerAddress;
    if (crowded || (this.#all >= this.#limits.connections && !this.#makeRoom(own.size))) {
      socket.destroy();
      return false;
    }
    this.#open.set(key, own.add(socket));
    this.#all += 1;
    this.#gauge.add([], 1);
    socket.once('close', () => this.#forget(key, socket));
    return true;
  }

  /** Closes the oldest idle connection of the address that has most, if those are more than `count`. */
  #makeRoom(count: number): boolean {
    let key = '';
    let most: ReadonlySet<Socket> = new Set();
    for (const [other, sockets] of this.#open) {
      if (other !== 'proxies' && sockets.size > most.size) [key, most] = [other, sockets];
    }
    if (most.size <= count) return false;
    const busy = this.#busy();
    for (const socket of most) {
      if (busy(socket)) continue;
      this.#forget(key, socket);
      socket.destroy();
      return true;
    }
    return false;
  }

  #forget(key: string, socket: Socket): void {
    const sockets = this.#open.get(key);
    if (!sockets?.delete(socket)) return;
    if (sockets.size === 0) this.#open.delete(key);
    this.#all -= 1;
    this.#gauge.add([], -1);
  }
}
