import { createPublicKey } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import type { Logger } from '../../core/log.js';
import { StartError } from '../frontend.js';
import { RSA_BITS_MIN } from './algorithms.js';

/**
 * Reads the server's private keys.
 * @param files     paths from the configuration; when there are none, one Ed25519 key is kept at `fallback`, made at the
 *                  first start with mode 0600
 * @returns keys under the names of the algorithms they sign with, in the shape that ssh2's Server takes
 * @throws StartError 78 that names the file
 */
export async function loadHostKeys(
  files: readonly string[],
  fallback: string,
  log: Logger,
): Promise<{ readonly key: ParsedKey }[]> {
  if (files.length === 0) await makeKey(fallback);
  const keys: { readonly key: ParsedKey }[] = [];
  for (const file of files.length === 0 ? [fallback] : files) {
    for (const key of await loadKey(file, log)) keys.push({ key });
  }
  return keys;
}

async function loadKey(file: string, log: Logger): Promise<ParsedKey[]> {
  const [text, { mode }] = await Promise.all([readFile(file), stat(file)]).catch((cause: unknown) => {
    throw new StartError(`sftp.hostKeys: ${file}: cannot be read (${codeOf(cause)})`, 78, { cause });
  });
  if ((mode & 0o077) !== 0) {
    log.warn({ file, mode: (mode & 0o777).toString(8) }, 'an SSH host key can be read by others; chmod 600');
  }
  const parsed = ssh2.utils.parseKey(text);
  if (parsed instanceof Error) {
    const why = /passphrase|encrypted/i.test(parsed.message) ? 'it has a passphrase' : 'not an OpenSSH or PEM key';
    throw new StartError(`sftp.hostKeys: ${file}: ${why}`, 78);
  }
  const key = Array.isArray(parsed) ? (parsed[0] as ParsedKey) : parsed;
  if (!key.isPrivateKey()) throw new StartError(`sftp.hostKeys: ${file}: a public key; give the private one`, 78);
  if (key.type === 'ssh-ed25519') return [key];
  if (key.type === 'ssh-rsa') {
    if (rsaBits(key) < RSA_BITS_MIN) {
      throw new StartError(`sftp.hostKeys: ${file}: an RSA key shorter than ${RSA_BITS_MIN} bits`, 78);
    }
    // Left to itself ssh2 offers an RSA key for SHA-1 as well, so each is named by what it may sign with.
    return ['rsa-sha2-512', 'rsa-sha2-256'].map((type) => Object.create(key, { type: { value: type } }) as ParsedKey);
  }
  throw new StartError(`sftp.hostKeys: ${file}: ${key.type}; use Ed25519 or RSA`, 78);
}

/** Bits of an RSA key's modulus; 0 when it is no RSA key at all. */
export function rsaBits(key: ParsedKey): number {
  try {
    return createPublicKey(key.getPublicPEM()).asymmetricKeyDetails?.modulusLength ?? 0;
  } catch {
    return 0;
  }
}

/** A new Ed25519 pair in OpenSSH's form. ssh2 drops a leading zero of the public half, so one in 256 of its pairs is
 *  broken (1.17.0); those are thrown away. */
export function generateEd25519(comment: string): { readonly private: string; readonly public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519', { comment });
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

async function makeKey(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (handle === undefined) return;
    try {
      await handle.writeFile(generateEd25519('isthmus').private);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new StartError(`sftp: the host key cannot be made at ${file} (${codeOf(cause)})`, 78, { cause });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown';
}
