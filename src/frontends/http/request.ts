import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Bytes } from '../../core/bytes.js';
import type { HttpRequest, RequestNotes } from '../route.js';
import { requestBody } from './body.js';
import type { HttpLimits } from './limits.js';

/** A refused body up to this size is read to its end, and the connection kept. */
const SMALL_BODY = 256 * 1024;
/** ms in which a client that is still sending may notice that it was answered. */
const LINGER = 2_000;

/** One request on a connection of the listener. */
export class ListenerRequest implements HttpRequest {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly secure: boolean;
  readonly length: number | undefined;
  readonly hasBody: boolean;
  readonly notes: RequestNotes = { sent: 0, received: 0 };
  readonly #message: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #limits: HttpLimits;
  #awaitsContinue: boolean;
  #keepAlive: boolean;
  #abort: AbortController | undefined;
  #gone = false;

  constructor(
    message: IncomingMessage,
    response: ServerResponse,
    from: { id: string; address: string; secure: boolean; awaitsContinue: boolean; limits: HttpLimits },
  ) {
    this.#message = message;
    this.#response = response;
    this.#limits = from.limits;
    this.id = from.id;
    this.address = from.address;
    this.secure = from.secure;
    this.method = message.method ?? '';
    const target = originForm(message.url ?? '/');
    const question = target.indexOf('?');
    this.path = question < 0 ? target : target.slice(0, question);
    this.query = question < 0 ? '' : target.slice(question + 1);
    this.headers = message.headers;
    const length = message.headers['content-length'];
    this.length = length === undefined ? undefined : Number(length);
    this.hasBody = (this.length ?? 0) > 0 || message.headers['transfer-encoding'] !== undefined;
    this.#awaitsContinue = from.awaitsContinue;
    // Until the body has been read the connection may not be used again: who sends gigabytes that nobody wants, or
    // waits for a `100 Continue` that does not come, has to open another.
    this.#keepAlive = response.shouldKeepAlive;
    if (this.hasBody && (this.#awaitsContinue || (this.length ?? Number.POSITIVE_INFINITY) > SMALL_BODY)) {
      response.shouldKeepAlive = false;
    }
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#gone) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** The client is gone: what is still under way for it may stop. */
  close(): void {
    this.#gone = true;
    this.#abort?.abort();
  }

  async *body(limit = Number.POSITIVE_INFINITY): Bytes {
    if (!this.hasBody) return;
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      this.#response.writeContinue();
    }
    let whole = false;
    try {
      yield* requestBody(this.#message, limit, this.#limits, (bytes) => {
        this.notes.received += bytes;
      });
      whole = true;
    } finally {
      if (!this.#response.headersSent) this.#response.shouldKeepAlive = whole && this.#keepAlive;
    }
  }

  end(body?: string | Uint8Array): void {
    const response = this.#response;
    if (body !== undefined) this.notes.sent += typeof body === 'string' ? Buffer.byteLength(body) : body.length;
    if (!this.hasBody || this.#message.complete || this.#message.destroyed) {
      response.end(body);
      return;
    }
    const message = this.#message;
    if (response.shouldKeepAlive) {
      // Node reads what is left of a small body, and would wait for it for ever.
      const timer = setTimeout(() => message.destroy(), LINGER).unref();
      message.once('end', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
      response.end(body);
      return;
    }
    // Closing a socket with unread bytes resets it, and the client would lose the answer that was already sent.
    if (body === undefined || body.length === 0) response.flushHeaders();
    else response.write(body);
    const finish = (): void => {
      clearTimeout(timer);
      message.off('end', finish).off('close', finish);
      response.end();
    };
    const timer = setTimeout(finish, LINGER);
    message.on('end', finish).on('close', finish).resume();
  }
}

/** The path and query of a target in absolute form (RFC 9112 §3.2.2), which a server must understand too. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/[^/?#]*(.*)$/i.exec(target);
  if (absolute === null) return `/${target}`;
  const rest = absolute[1] ?? '';
  return rest.startsWith('/') ? rest : `/${rest}`;
}
