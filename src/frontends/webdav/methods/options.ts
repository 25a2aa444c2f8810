import type { Exchange } from '../exchange.js';
import { reply } from '../exchange.js';

export const ALLOW = 'OPTIONS, GET, HEAD, PUT, DELETE, MKCOL, COPY, MOVE, PROPFIND, PROPPATCH, LOCK, UNLOCK';

/**
 * OPTIONS (RFC 4918 §10.1, §18): what this server can do, which is no secret; it needs no login, because clients ask
 * before they sign in.
 */
export function options(exchange: Pick<Exchange, 'request' | 'response'>): void {
  reply(exchange, 200, ['DAV', '1, 2, 3', 'Allow', ALLOW, 'MS-Author-Via', 'DAV', 'Accept-Ranges', 'bytes']);
}
