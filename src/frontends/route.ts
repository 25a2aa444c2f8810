import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Bytes } from '../core/bytes.js';

/**
 * A part of the HTTP listener's name space and what answers there. The listener knows routes only by this contract, and
 * the front ends behind them know the listener only by `HttpRequest`; the composition root brings them together.
 */
export interface Route {
  /** Label in metrics and access lines: `webdav`, `web`, … */
  readonly name: string;
  /** `/dav/` takes `/dav` and all below it; without the trailing slash it takes exactly this path. The longest wins. */
  readonly prefix: string;
  /** Answers one request. What it throws becomes a 500 (or a broken connection, once the head is sent) and is logged. */
  handle(request: HttpRequest, response: ServerResponse): void | Promise<void>;
}

/** A request as the listener hands it on: bounded in size and time, and free of what proxies can forge. */
export interface HttpRequest {
  /** Unique in the life of the daemon; stands in the access line. */
  readonly id: string;
  readonly method: string;
  /** The path of the target, exactly as sent: not decoded, not normalised, untrusted; it begins with `/`. */
  readonly path: string;
  /** What follows `?`; empty when nothing does. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** The client: the peer of the connection, or what a trusted proxy says it is (lesson 25). */
  readonly address: string;
  /** Whether the client speaks TLS, to us or to a trusted proxy. */
  readonly secure: boolean;
  /** Bytes the body will have, where the client says so. */
  readonly length: number | undefined;
  /** Whether a body follows (RFC 9112 §6). */
  readonly hasBody: boolean;
  /** Fires when the client goes away before the response has ended, and when the listener stops at its deadline. */
  readonly signal: AbortSignal;
  /** What the access line will say besides. */
  readonly notes: RequestNotes;

  /**
   * The body, to be read once, in chunks of up to 512 KiB. Sends `100 Continue` where the client waits for it.
   * @param limit  bytes; a longer body throws EFBIG
   * @throws VfsError (from the iterator) ECANCELED when the client goes away, ETIMEDOUT when it makes no progress
   */
  body(limit?: number): Bytes;

  /**
   * Ends the response. Where the client is still sending a body that nobody wants, it is read and thrown away for a
   * moment, so that the client sees the answer and not a reset connection.
   */
  end(body?: string | Uint8Array): void;
}

export interface RequestNotes {
  /** Login name, once known. */
  user?: string;
  /** Where the mount lies that the request is about. */
  mount?: string;
  /** Bytes of body sent. */
  sent: number;
  /** Bytes of body received. */
  received: number;
}
