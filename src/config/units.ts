/*
 * The small languages of the configuration. Each parser gives undefined for what it does not understand; the sentence
 * that says what would be right stands beside it.
 */

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
export const DURATION_HINT = 'a number with ms, s, m, h, d or w, such as "60s" or "5m"';

/** `"60s"`, `"1.5h"`, `"0s"` in milliseconds. A bare number has no unit and is refused. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,6})?) ?(ms|s|m|h|d|w)$/.exec(text) ?? [];
  return number === undefined ? undefined : Math.round(Number(number) * SECONDS[unit!]! * 1000);
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
export const SIZE_HINT = 'a number with B, KiB, MiB, GiB or TiB (or kB, MB, GB, TB), such as "10GiB"';

/** `"10GiB"`, `"500MB"` in bytes; the decimal units are powers of 1,000, those with an `i` powers of 1,024. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,9}(?:\.\d{1,6})?) ?([kKMGT]?i?B)$/.exec(text) ?? [];
  if (number === undefined || !UNITS.some((known) => known === unit)) return undefined;
  const power = ['B', 'k', 'M', 'G', 'T'].indexOf(unit![0]!.replace('K', 'k'));
  return Math.round(Number(number) * (unit!.includes('i') ? 1024 : 1000) ** power);
}

/** Where a listener waits. `host` absent: every address of the machine. Port 0: any free one. */
export interface Listen {
  readonly host?: string | undefined;
  readonly port: number;
}
export const LISTEN_HINT = 'HOST:PORT, such as "127.0.0.1:8080", "[::1]:8080" or ":8080" for every address, or "off"';

/** `"127.0.0.1:8080"`, `"[::1]:8080"`, `"host.example:80"`, `":8080"`. */
export function parseListen(text: string): Listen | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > 65_535) return undefined;
  const host = bracketed ?? plain;
  return host === undefined || host === '' ? { port } : { host, port };
}

/** A listener in its written form. */
export function formatListen({ host, port }: Listen): string {
  if (host === undefined) return `:${port}`;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export const UMASK_HINT = 'three or four octal digits in quotes, such as "022"';

/** `"022"` as permission bits. */
export function parseUmask(text: string): number | undefined {
  return /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

/** An address or a network in CIDR form, as `trustedProxies` has them. */
export const NETWORK_HINT = 'an address or network, such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8"';
