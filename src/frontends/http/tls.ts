import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { StartError } from '../frontend.js';

/** A certificate chain and its key: PEM text, or the name of a file that holds it. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Where PEM text came from, for messages. */
  readonly names?: { readonly cert: string; readonly key: string } | undefined;
}

/** What Mozilla calls "intermediate" (wiki.mozilla.org/Security/Server_Side_TLS, version 5.7). */
const INTERMEDIATE = {
  minVersion: 'TLSv1.2',
  ciphers: [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
  ].join(':'),
  ecdhCurve: 'X25519:prime256v1:secp384r1',
} as const;

export type TlsSettings = typeof INTERMEDIATE & { readonly cert: string; readonly key: string };

/**
 * Reads and checks certificate and key.
 * @throws StartError (78) that names the file and what is wrong with it
 */
export function tlsSettings(files: TlsFiles): TlsSettings {
  const cert = pem('web.tls.cert', files.cert);
  const key = pem('web.tls.key', files.key);
  const settings = { ...INTERMEDIATE, cert, key };
  const certName = `web.tls.cert${named(files.cert, files.names?.cert)}`;
  const keyName = `web.tls.key${named(files.key, files.names?.key)}`;
  tryContext({ cert }, `${certName} is not a certificate in PEM form`);
  tryContext({ key }, `${keyName} is not a private key in PEM form without a passphrase`);
  tryContext(settings, `${keyName} is not the key of ${certName}`);
  return settings;
}

function tryContext(options: object, trouble: string): void {
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new StartError(trouble, 78, { cause });
  }
}

function pem(option: string, value: string): string {
  if (isText(value)) return value;
  try {
    return readFileSync(value, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
    throw new StartError(`${option}: ${value} cannot be read (${code ?? 'unknown'})`, 78, { cause });
  }
}

function named(value: string, origin: string | undefined): string {
  if (!isText(value)) return ` ${value}`;
  return origin === undefined ? '' : ` ${origin}`;
}

function isText(value: string): boolean {
  return value.includes('-----BEGIN') || value.includes('\n');
}
