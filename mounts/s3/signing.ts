import { createHash, createHmac } from 'node:crypto';
import type { Secret } from '../../src/core/secret.js';

export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ALGORITHM = 'AWS4-HMAC-SHA256';

/** A request as it will be sent. */
export interface Signable {
  readonly method: string;
  /** Percent-encoded by `encodeKey`. */
  readonly path: string;
  /** Made by `encodeQuery`. */
  readonly query: string;
  /** Names in lower case; all are signed, and `host` and `x-amz-content-sha256` must be among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs requests with one access key (AWS Signature Version 4, in the `Authorization` header). */
export class Signer {
  readonly #accessKey: string;
  readonly #secret: Secret;
  readonly #region: string;
  #day = '';
  #dayKey: Buffer = Buffer.alloc(0);

  constructor(accessKey: string, secret: Secret, region: string) {
    this.#accessKey = accessKey;
    this.#secret = secret;
    this.#region = region;
  }

  /** The headers to send: those of the request with `x-amz-date` and `authorization`. */
  sign(request: Signable, now: Date): Record<string, string> {
    const time = now.toISOString().replace(/[-:]|\.\d+/g, '');
    const day = time.slice(0, 8);
    const headers: Record<string, string> = { ...request.headers, 'x-amz-date': time };
    const names = Object.keys(headers).sort();
    const canonical = [
      request.method,
      request.path,
      request.query,
      ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
      '',
      names.join(';'),
      headers['x-amz-content-sha256']!,
    ].join('\n');
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    // Header values are kept as one character a byte, as Node reads and writes them.
    const digest = createHash('sha256').update(canonical, 'latin1').digest('hex');
    const signature = hmac(this.#key(day), `${ALGORITHM}\n${time}\n${scope}\n${digest}`).toString('hex');
    headers.authorization = `${ALGORITHM} Credential=${this.#accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
    return headers;
  }

  #key(day: string): Buffer {
    if (this.#day !== day) {
      const steps = [day, this.#region, 's3', 'aws4_request'];
      this.#dayKey = steps.reduce((key: Buffer, step) => hmac(key, step), Buffer.from(`AWS4${this.#secret.reveal()}`));
      this.#day = day;
    }
    return this.#dayKey;
  }
}

export function sha256(bytes: Uint8Array): string {
  return bytes.length === 0 ? EMPTY_SHA256 : createHash('sha256').update(bytes).digest('hex');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
