import { normalize } from 'node:path';
import { createSecureContext } from 'node:tls';
import { parsePath } from '../core/path.js';
import { dataAt } from './check-value.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { formatListen, parseListen } from './units.js';

/** What no single key can tell: two mounts at one place, two listeners on one port, a key that is not the certificate's. */
export function checkWhole(document: ConfigDocument, files: ReadonlyMap<string, string>): void {
  const data = document.toData();
  const list = (key: string, field: string) => {
    const items = dataAt(data, [key]);
    return Array.isArray(items) ? items.map((_, index) => textAt(data, [key, index, field])) : [];
  };
  unique(list('mounts', 'at').map(canonical), (index, first) =>
    document.add(['mounts', index, 'at'], `mounts[${first}] is at this place already; choose another path`),
  );
  unique(
    list('drives', 'path').map((path) => path && normalize(path)),
    (index, first) => document.add(['drives', index, 'path'], `drives[${first}] is there already; choose another path`),
  );
  const listeners = ['web', 'sftp', 'metrics'];
  unique(
    listeners.map((name) => fixedPort(textAt(data, [name, 'listen']))),
    (index, first) =>
      document.add(
        [listeners[index]!, 'listen'],
        `${listeners[first]}.listen has this port already; choose another port`,
      ),
  );
  checkKeyPair(document, files);
}

function checkKeyPair(document: ConfigDocument, files: ReadonlyMap<string, string>): void {
  const [cert, key] = [files.get('web.tls.cert'), files.get('web.tls.key')];
  if (cert === undefined || key === undefined) return;
  const problem = (part: { cert: string } | { key: string } | { cert: string; key: string }) => {
    try {
      createSecureContext(part);
      return undefined;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'unreadable';
    }
  };
  const badCert = problem({ cert });
  const badKey = problem({ key });
  if (badCert !== undefined) document.add(['web', 'tls', 'cert'], `is not a PEM certificate (${badCert})`);
  if (badKey !== undefined)
    document.add(['web', 'tls', 'key'], `is not a PEM private key without passphrase (${badKey})`);
  if (badCert === undefined && badKey === undefined && problem({ cert, key }) !== undefined) {
    document.add(
      ['web', 'tls', 'key'],
      'does not belong to web.tls.cert; give the key that the certificate was made with',
    );
  }
}

function unique(values: readonly (string | undefined)[], twice: (index: number, first: number) => void): void {
  for (const [index, value] of values.entries()) {
    const first = value === undefined ? index : values.indexOf(value);
    if (first < index) twice(index, first);
  }
}

function textAt(data: unknown, path: KeyPath): string | undefined {
  const value = dataAt(data, path);
  return typeof value === 'string' ? value : undefined;
}

function canonical(at: string | undefined): string | undefined {
  try {
    return at === undefined ? undefined : parsePath(at);
  } catch {
    return undefined; // told by the schema
  }
}

/** Undefined for what cannot clash: off, or any free port. */
function fixedPort(text: string | undefined): string | undefined {
  const listen = text === undefined ? undefined : parseListen(text);
  return listen === undefined || listen.port === 0 ? undefined : formatListen(listen);
}
