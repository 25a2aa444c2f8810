import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/*
 * Which keys a server may show. A key that is not known is refused: the first use is not trusted, because a daemon has nobody
 * to ask. The refusal tells the fingerprint to add.
 */

/** What is known of one server's keys. */
export interface KnownKeys {
  /** `SHA256:` fingerprints as `ssh-keygen -l` prints them. */
  readonly fingerprints: readonly string[];
  /** Key types to ask for first, so that the server shows a key that is known. */
  readonly types: readonly string[];
  /** Fingerprints that must never be accepted (`@revoked`). */
  readonly revoked: readonly string[];
}

/** @returns `SHA256:` and the base64 of the hash, without padding, of a key in wire format (RFC 4253 §6.6) */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The key type that a key in wire format names. */
export function typeOf(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  const length = bytes.length >= 4 ? bytes.readUInt32BE(0) : 0;
  return bytes
    .subarray(4, 4 + Math.min(length, 64))
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, '?');
}

/** Whether a configured `hostKey` can be read: a `SHA256:…` fingerprint, or a key as in a `.pub` file. */
export function isHostKey(text: string): boolean {
  return parseHostKey(text) !== undefined;
}

function parseHostKey(text: string): { fingerprint: string; type?: string } | undefined {
  const trimmed = text.trim();
  if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(trimmed)) return { fingerprint: trimmed.replace(/=$/, '') };
  const [type, base64] = trimmed.split(/\s+/);
  const key = base64 === undefined ? undefined : decodeKey(base64);
  if (key === undefined || typeOf(key) !== type) return undefined;
  return { fingerprint: fingerprintOf(key), type };
}

function decodeKey(base64: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{20,}={0,2}$/.test(base64)) return undefined;
  return Buffer.from(base64, 'base64');
}

/** Reads pinned keys and a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). A missing file is an error. */
export async function knownKeys(
  host: string,
  port: number,
  pinned: readonly string[],
  knownHosts: string | undefined,
): Promise<KnownKeys> {
  const fingerprints = new Set<string>();
  const types = new Set<string>();
  const revoked = new Set<string>();
  for (const text of pinned) {
    const key = parseHostKey(text);
    if (key === undefined) continue;
    fingerprints.add(key.fingerprint);
    if (key.type !== undefined) types.add(key.type);
  }
  if (knownHosts !== undefined) {
    for (const line of (await readFile(knownHosts, 'utf8')).split('\n')) {
      const entry = parseLine(line);
      if (entry === undefined || !matches(entry.hosts, host, port)) continue;
      if (entry.marker === '@revoked') revoked.add(fingerprintOf(entry.key));
      else if (entry.marker === undefined) {
        fingerprints.add(fingerprintOf(entry.key));
        types.add(typeOf(entry.key));
      }
    }
  }
  return { fingerprints: [...fingerprints], types: [...types], revoked: [...revoked] };
}

function parseLine(line: string): { marker: string | undefined; hosts: string; key: Buffer } | undefined {
  const words = line.trim().split(/\s+/);
  const marker = words[0]?.startsWith('@') ? words.shift() : undefined;
  const [hosts, , base64] = words;
  if (hosts === undefined || hosts.startsWith('#') || base64 === undefined) return undefined;
  const key = decodeKey(base64);
  return key === undefined ? undefined : { marker, hosts, key };
}

/** A line is for a host when one of its patterns matches and none of those with `!` does. */
function matches(hosts: string, host: string, port: number): boolean {
  const name = (port === 22 ? host : `[${host}]:${port}`).toLowerCase();
  if (hosts.startsWith('|1|')) return matchesHash(hosts, name);
  let found = false;
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!glob(negated ? pattern.slice(1) : pattern, name)) continue;
    if (negated) return false;
    found = true;
  }
  return found;
}

/** `|1|salt|hash`: the hash is HMAC-SHA1 of the name with the salt as key. */
function matchesHash(hosts: string, name: string): boolean {
  const [salt, hash] = hosts
    .slice(3)
    .split('|')
    .map((part) => Buffer.from(part, 'base64'));
  if (salt === undefined || hash === undefined) return false;
  const computed = createHmac('sha1', salt).update(name).digest();
  return computed.length === hash.length && timingSafeEqual(computed, hash);
}

/** `*` and `?`; without a regular expression, which `a*a*a*…` would keep busy. */
function glob(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === '*') [star, mark, p] = [p, t, p + 1];
    else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) [p, t] = [p + 1, t + 1];
    else if (star >= 0) [p, mark, t] = [star + 1, mark + 1, mark + 1];
    else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
