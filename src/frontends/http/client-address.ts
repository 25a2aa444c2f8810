import { BlockList, isIP } from 'node:net';
import { StartError } from '../frontend.js';

/** Who is believed when it says on whose behalf it asks (lesson 25). */
export class TrustedProxies {
  readonly #list = new BlockList();
  readonly #any: boolean;

  /**
   * @param networks  addresses or networks in CIDR form
   * @throws StartError (78) for one that is neither
   */
  constructor(networks: readonly string[]) {
    for (const network of networks) {
      const [address = '', bits] = network.split('/');
      const family = isIP(address);
      const width = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits);
      if (family === 0 || !Number.isInteger(width) || width < 0 || width > (family === 6 ? 128 : 32)) {
        throw new StartError(`web.trustedProxies: ${network} is not a network like 10.0.0.0/8 or fd00::/8`, 78);
      }
      this.#list.addSubnet(address, width, family === 6 ? 'ipv6' : 'ipv4');
    }
    this.#any = networks.length > 0;
  }

  has(address: string): boolean {
    if (!this.#any) return false;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  /**
   * The client behind `peer`: the last address in X-Forwarded-For that is not a trusted proxy itself. What stands
   * before it was written by somebody who is not trusted.
   */
  clientOf(peer: string, forwardedFor: string | undefined): string {
    if (forwardedFor === undefined || !this.has(peer)) return peer;
    let client = peer;
    for (const raw of forwardedFor.slice(-4096).split(',').reverse()) {
      const address = plainAddress(raw.trim());
      if (isIP(address) === 0) return client;
      client = address;
      if (!this.has(address)) return client;
    }
    return client;
  }
}

/** An IPv4 address that arrived on an IPv6 socket, as IPv4. */
export function plainAddress(address: string): string {
  return /^::ffff:\d/i.test(address) ? address.slice(7) : address;
}

/** What connections are counted by: the address, or the /64 of an IPv6 address, since whoever has one has them all. */
export function capKey(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%', 1)[0]!.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  const all = [...groups, ...Array<string>(Math.max(0, missing)).fill('0'), ...(tail ? tail.split(':') : [])];
  return `${all.slice(0, 4).join(':')}::/64`;
}
