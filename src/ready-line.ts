import { networkInterfaces } from 'node:os';
import { relative } from 'node:path';
import type { Listen } from './config/units.js';

/** One front end in the ready line: where it is, or why it is not. */
export interface Door {
  readonly name: string;
  readonly at?: string | undefined;
  readonly off?: string | undefined;
}

/** `ready web=http://127.0.0.1:8080/ … drive=off(no /dev/fuse)`; several of one name are separated by commas. */
export function readyLine(doors: readonly Door[]): string {
  const names = [...new Set(doors.map(({ name }) => name))];
  const parts = names.map((name) => {
    const places = doors.filter((door) => door.name === name).map(({ at, off }) => at ?? `off(${oneLine(off ?? '')})`);
    return `${name}=${places.join(',')}`;
  });
  return `ready ${parts.join(' ')}`;
}

function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').trim();
}

/** A path as people would write it from the working directory. */
export function shownPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near === '' ? '.' : near.startsWith('..') ? path : `./${near}`;
}

/** The address to bind: every one of this host, by IPv6 where it has that, when the configuration names none. */
export function bindTo({ host, port }: Listen): { readonly host: string; readonly port: number } {
  if (host !== undefined) return { host, port };
  const six = Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'));
  return { host: six ? '::' : '0.0.0.0', port };
}
