import { createHash } from 'node:crypto';
import { VfsError } from '../core/errors.js';

/** A public key as a user gives it. */
export interface PublicKey {
  /** `ssh-ed25519 AAAA…`, without comment. */
  readonly line: string;
  /** `SHA256:…`, as `ssh-keygen -l` shows it. */
  readonly fingerprint: string;
  readonly comment: string;
}

const TYPES: ReadonlySet<string> = new Set([
  'ssh-ed25519',
  'ssh-rsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
]);
const RSA_BITS = 2048;

/**
 * Reads one line of an OpenSSH public key file (`type base64 comment`).
 * @throws VfsError EINVAL for anything else: options, private keys, other types, RSA below 2,048 bits
 */
export function parsePublicKey(text: string): PublicKey {
  if (text.includes('PRIVATE KEY')) throw invalid('this is a private key; give the .pub file');
  const [type = '', encoded = '', ...comment] = text.trim().split(/\s+/);
  if (!TYPES.has(type)) {
    throw invalid(
      `a line like "ssh-ed25519 AAAA… name" is expected, of type ${[...TYPES].join(', ')}, without options`,
    );
  }
  const blob = Buffer.from(encoded, 'base64');
  const fields = readFields(blob);
  if (blob.toString('base64') !== encoded || fields?.[0]?.toString('latin1') !== type) {
    throw invalid('the key is damaged; copy the whole line');
  }
  // e, then n as a signed number: a zero byte may stand in front (RFC 4253 §6.6, RFC 4251 §5).
  if (type === 'ssh-rsa' && bits(fields[2]) < RSA_BITS) throw invalid(`an RSA key needs ${RSA_BITS} bits or more`);
  return {
    line: `${type} ${encoded}`,
    fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`,
    comment: comment
      .join(' ')
      .replace(/[^\x20-\x7e\u00a0-\uffff]/g, '?')
      .slice(0, 200),
  };
}

/** The length-prefixed fields of a blob; undefined when they do not fill it exactly. */
function readFields(blob: Buffer): readonly Buffer[] | undefined {
  const fields: Buffer[] = [];
  let at = 0;
  while (at < blob.length) {
    if (at + 4 > blob.length) return undefined;
    const length = blob.readUInt32BE(at);
    if (at + 4 + length > blob.length) return undefined;
    fields.push(blob.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields.length > 1 ? fields : undefined;
}

function bits(number: Buffer = Buffer.alloc(0)): number {
  const first = number.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (number.length - first) * 8 - Math.clz32(number[first]!) + 24;
}

function invalid(detail: string): VfsError {
  return new VfsError('EINVAL', 'key', 'public key', { detail });
}
