import { type Dispatcher, errors, Pool } from 'undici';
import { collect } from '../../src/core/bytes.js';
import { VfsError } from '../../src/core/errors.js';
import type { Credentials } from '../driver.js';
import { encode, encodeKey, encodeQuery } from './encoding.js';
import { S3Failure, toVfsError, type Where } from './errors.js';
import type { S3Options } from './options.js';
import { EMPTY_SHA256, Signer, sha256 } from './signing.js';
import { parseXml, textOf, type Xml } from './xml.js';

const CONNECT_MS = 10_000;
/** The longest silence before and within an answer. */
const SILENCE_MS = 60_000;
/** Bytes in a ms at which a body is still thought to move: 32 KiB/s. */
const SLOWEST = 32;
const MAX_HEADERS = 32 * 1024;
const MAX_ERROR = 64 * 1024;
/** A page of 1,000 keys of 1,024 bytes, each percent-encoded. */
const MAX_ANSWER = 8 * 1024 * 1024;

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The bucket itself when absent. */
  readonly key?: string | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  /** SHA-256 of the body in hexadecimal, where it is known already. */
  readonly bodyHash?: string | undefined;
  /** How long the server may take until it answers, in ms; when absent a minute more than the body takes at worst. */
  readonly patience?: number | undefined;
}

export class S3Answer {
  readonly status: number;
  readonly #answer: Dispatcher.ResponseData;

  constructor(answer: Dispatcher.ResponseData) {
    this.status = answer.statusCode;
    this.#answer = answer;
    // A signal may fire while nobody reads; whoever reads later is told by the iterator.
    answer.body.on('error', () => {});
  }

  get headers(): Dispatcher.ResponseData['headers'] {
    return this.#answer.headers;
  }

  get body(): Dispatcher.ResponseData['body'] {
    return this.#answer.body;
  }

  header(name: string): string | undefined {
    const value = this.#answer.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The entity tag without its quotes; empty when there is none. */
  get etag(): string {
    return unquote(this.header('etag') ?? '');
  }
}

/**
 * One bucket of one S3 service: signs, sends, and turns every failure into a VfsError.
 *
 * Every body is signed with its SHA-256, which the server checks (`XAmzContentSHA256Mismatch`): what was accepted is
 * what was sent, over http too. Downloads have connections of their own, so that slow readers never starve the rest.
 */
export class S3Client {
  readonly #signer: Signer | undefined;
  readonly #host: string;
  readonly #base: string;
  readonly #downloads: Pool;
  readonly #others: Pool;
  /** `/bucket/` as copy sources begin. */
  readonly #bucket: string;
  /** How far the server's clock is ahead of ours, in ms; learned when it refuses our time. */
  #skew = 0;
  #closed = false;
  /** Whether connections are given up after HEAD; learned when a server sends bytes that belong to no answer. */
  #closeAfterHead = false;

  constructor(options: S3Options, credentials: Credentials) {
    const { user, password } = credentials;
    if (user !== undefined && password !== undefined) this.#signer = new Signer(user, password, options.region);
    const url = new URL(options.endpoint);
    if (!options.pathStyle) url.hostname = `${options.bucket}.${url.hostname}`;
    const base = url.pathname.replace(/\/+$/, '');
    this.#base = options.pathStyle ? `${base}/${encode(options.bucket)}` : base;
    this.#bucket = `/${encode(options.bucket)}/`;
    this.#host = url.host;
    const pool = () =>
      new Pool(url.origin, {
        connections: options.connections,
        connect: { timeout: CONNECT_MS },
        headersTimeout: SILENCE_MS,
        bodyTimeout: SILENCE_MS,
        keepAliveTimeout: 10_000,
        maxHeaderSize: MAX_HEADERS,
      });
    this.#downloads = pool();
    this.#others = pool();
  }

  /**
   * Sends a request; its answer's body must be read or discarded.
   * @throws VfsError for every status of 300 and above
   */
  async send(request: S3Request, where: Where, pool = this.#others): Promise<S3Answer> {
    const learned = this.#learned();
    try {
      return await this.#once(request, where, pool);
    } catch (error) {
      if (this.#learned() !== learned && !where.signal?.aborted) return this.#once(request, where, pool);
      throw error;
    }
  }

  /** As `send`, for a download whose body will be read slowly. */
  open(request: S3Request, where: Where): Promise<S3Answer> {
    return this.send(request, where, this.#downloads);
  }

  /** As `send`, for an answer whose body says nothing. */
  async run(request: S3Request, where: Where): Promise<S3Answer> {
    const answer = await this.send(request, where);
    try {
      await answer.body.dump({ limit: MAX_ERROR });
    } catch (error) {
      throw toVfsError(error, where);
    }
    return answer;
  }

  /**
   * As `send`, for an answer in XML. Copies and completions are answered with 200 before they are done, so that an
   * error may stand in the body (Amazon S3 API reference, CopyObject and CompleteMultipartUpload).
   * @param root  name of the element that is expected
   */
  async xml(request: S3Request, root: string, where: Where): Promise<Xml> {
    const answer = await this.send(request, where);
    try {
      const text = (await collect(answer.body, MAX_ANSWER)).toString();
      const xml = parse(text);
      if (xml?.name === 'Error') throw failure(answer.status, xml);
      if (xml?.name !== root) throw new Error(`not the answer of an S3 service: no ${root}`);
      return xml;
    } catch (error) {
      throw toVfsError(error, where);
    }
  }

  /** The value of `x-amz-copy-source` for a key of this bucket. */
  copySource(key: string): string {
    return this.#bucket + encodeKey(key);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#downloads.destroy(), this.#others.destroy()]);
  }

  async #once(request: S3Request, where: Where, pool: Pool): Promise<S3Answer> {
    if (this.#closed) throw new VfsError('EBADF', where.op, where.path, { detail: 'the driver is closed' });
    try {
      const { method, body = null } = request;
      const path = `${this.#base}/${request.key === undefined ? '' : encodeKey(request.key)}`;
      const query = encodeQuery(request.query ?? {});
      const hash = request.bodyHash ?? (body === null ? EMPTY_SHA256 : sha256(body));
      const plain = { ...request.headers, host: this.#host, 'x-amz-content-sha256': hash };
      const now = new Date(Date.now() + this.#skew);
      const answer = await pool.request({
        method,
        path: query === '' ? path : `${path}?${query}`,
        headers: this.#signer?.sign({ method, path, query, headers: plain }, now) ?? plain,
        body,
        signal: where.signal ?? null,
        headersTimeout: request.patience ?? SILENCE_MS + (body?.length ?? 0) / SLOWEST,
        reset: method === 'HEAD' && this.#closeAfterHead,
      });
      const { statusCode } = answer;
      if (statusCode < 300) return new S3Answer(answer);
      const text = (await collect(answer.body, MAX_ERROR)).toString();
      const xml = text === '' ? undefined : parse(text);
      const error = xml?.name === 'Error' ? failure(statusCode, xml) : new S3Failure(statusCode, '', 'no code');
      if (error.code === 'RequestTimeTooSkewed') this.#learnTime(answer.headers.date);
      if (method === 'HEAD') throw await this.#explain(error, where);
      throw error;
    } catch (error) {
      // Swift without its proxy-logging sends a stray chunk after HEAD.
      if (error instanceof errors.HTTPParserError) this.#closeAfterHead = true;
      throw toVfsError(error, where);
    }
  }

  /** Changes when a request failed for a reason that a second try will take into account. */
  #learned(): string {
    return `${this.#skew} ${this.#closeAfterHead}`;
  }

  /**
   * Answers to HEAD have no body and so no code. What is refused, is asked again as a listing of nothing, which fails
   * with words. What is not found is taken for a missing key: who calls lists something beside it, and so learns of a
   * missing bucket.
   */
  async #explain(error: S3Failure, where: Where): Promise<S3Failure> {
    if (error.status === 404) return new S3Failure(404, 'NoSuchKey', 'by HEAD');
    if (error.status !== 412) {
      const query = { 'list-type': '2', 'max-keys': '0' };
      await this.xml({ method: 'GET', query }, 'ListBucketResult', where);
    }
    return error;
  }

  #learnTime(date: string | string[] | undefined): void {
    const time = typeof date === 'string' ? Date.parse(date) : Number.NaN;
    if (!Number.isNaN(time)) this.#skew = time - Date.now();
  }
}

function failure(status: number, xml: Xml): S3Failure {
  return new S3Failure(status, textOf(xml, 'Code') ?? '', textOf(xml, 'Message') ?? '');
}

function parse(text: string): Xml | undefined {
  try {
    return parseXml(text);
  } catch {
    return undefined;
  }
}

export function unquote(etag: string): string {
  return etag.replace(/^W\//, '').replace(/^"|"$/g, '');
}
