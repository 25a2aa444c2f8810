import { isVfsError } from '../../../core/errors.js';
import { nameOf } from '../../../core/path.js';
import type { Node } from '../../../vfs/view.js';
import { CACHE_CONTROL, checkConditions, entityTag, isConditional, rangeStillHolds } from '../conditions.js';
import { contentHeaders, contentType } from '../content-type.js';
import type { Exchange, Method } from '../exchange.js';
import { httpDate } from '../properties.js';
import { parseRange, type RangeRequest, resolveRange } from '../range.js';
import { Refusal } from '../refusal.js';
import { sendBody } from '../stream.js';
import { ALLOW } from './options.js';

/** A file that changes between the look and the read is looked at again, so often. */
const ATTEMPTS = 3;

/** GET and HEAD (RFC 9110 §9.3.1, §14). */
export const get: Method = async (exchange) => {
  const { request, response, view, path, call } = exchange;
  const { signal } = call;
  if (request.method === 'HEAD') {
    const node = await view.stat(path, { signal });
    checkKind(node);
    checkConditions(request.headers, node, true);
    response.writeHead(200, headersOf(exchange, node, node.size));
    response.end();
    return;
  }
  const range = parseRange(request.headers.range);
  if (range === undefined && !isConditional(request.headers)) return sendWhole(exchange);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendKnown(exchange, range);
    } catch (error) {
      if (!isVfsError(error, 'EPRECONDITION', 'ERANGE') || response.headersSent || attempt === ATTEMPTS) throw error;
    }
  }
};

/** The common case: no look before the read. */
async function sendWhole(exchange: Exchange): Promise<void> {
  const { request, response, view, path, call } = exchange;
  const { node, body } = await view.read(path, { signal: call.signal });
  const head = (): void => void response.writeHead(200, headersOf(exchange, node, node.size));
  request.notes.sent += await sendBody(response, head, body, node.size);
}

/** With conditions or a range, which say nothing before the size and the etag are known. */
async function sendKnown(exchange: Exchange, asked: RangeRequest | undefined): Promise<void> {
  const { request, response, view, path, call } = exchange;
  const { headers } = request;
  const known = await view.stat(path, { signal: call.signal });
  checkKind(known);
  checkConditions(headers, known, true);
  const ifRange = headers['if-range'];
  const range = rangeStillHolds(typeof ifRange === 'string' ? ifRange : undefined, known) ? asked : undefined;
  const bytes = range === undefined ? { start: 0, end: known.size } : resolveRange(range, known.size);
  if (bytes === undefined) throw new Refusal(416, { headers: { 'Content-Range': `bytes */${known.size}` } });
  const ifMatch = known.etag === '' ? undefined : known.etag;
  const { node, body } = await view.read(path, { ...bytes, ifMatch, signal: call.signal });
  const length = bytes.end - bytes.start;
  const head = (): void => {
    const lines = headersOf(exchange, node, length);
    if (range !== undefined) lines.push('Content-Range', `bytes ${bytes.start}-${bytes.end - 1}/${known.size}`);
    response.writeHead(range === undefined ? 200 : 206, lines);
  };
  request.notes.sent += await sendBody(response, head, body, length);
}

function checkKind(node: Node): void {
  if (node.kind === 'directory') throw new Refusal(405, { headers: { Allow: ALLOW } });
  if (node.kind === 'symlink') throw new Refusal(403);
}

function headersOf({ path }: Exchange, node: Node, length: number): string[] {
  const lines = contentHeaders(contentType(nameOf(path)));
  lines.push('Content-Length', String(length), 'Last-Modified', httpDate(node.mtime));
  lines.push('Accept-Ranges', 'bytes', 'Cache-Control', CACHE_CONTROL);
  const tag = entityTag(node);
  if (tag !== undefined) lines.push('ETag', tag);
  return lines;
}
