import type { Bytes } from '../../../core/bytes.js';
import { isVfsError } from '../../../core/errors.js';
import { nameOf } from '../../../core/path.js';
import type { Node, View } from '../../../vfs/view.js';
import { CACHE_CONTROL, checkConditions, entityTag, isConditional, rangeStillHolds } from '../conditions.js';
import { contentHeaders, contentType } from '../content-type.js';
import type { Exchange, Method } from '../exchange.js';
import { httpDate } from '../properties.js';
import { parseRange, type RangeRequest, resolveRange } from '../range.js';
import { Refusal } from '../refusal.js';
import { sendBody } from '../stream.js';

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
  if (!isConditional(request.headers)) {
    if (range === undefined) return sendWhole(exchange);
    if ('from' in range && request.headers['if-range'] === undefined) return sendPart(exchange, range);
  }
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendKnown(exchange, range);
    } catch (error) {
      if (!isVfsError(error, 'EPRECONDITION', 'ERANGE') || response.headersSent || attempt === ATTEMPTS) throw error;
    }
  }
};

/** The common case: no look before the read. */
async function sendWhole(exchange: Exchange, ifMatch?: string): Promise<void> {
  const { request, response, view, path, call } = exchange;
  const { node, body } = await view.read(path, { ifMatch, signal: call.signal });
  const head = (): void => void response.writeHead(200, headersOf(exchange, node, node.size));
  request.notes.sent += await sendBody(response, head, body, node.size);
}

/** A part whose beginning is known: the other common case (players, sync clients, rclone mount). */
async function sendPart(exchange: Exchange, range: Extract<RangeRequest, { from: number }>): Promise<void> {
  const { view, path, call } = exchange;
  const { signal } = call;
  const end = range.to === undefined ? undefined : range.to + 1;
  let opened: Awaited<ReturnType<View['read']>>;
  try {
    opened = await view.read(path, { start: range.from, end, signal });
  } catch (error) {
    if (isVfsError(error, 'ERANGE')) throw unsatisfiable((await view.stat(path, { signal })).size);
    throw error;
  }
  const { node, body } = opened;
  const bytes = resolveRange(range, node.size);
  if (bytes === undefined) {
    await body[Symbol.asyncIterator]().return?.();
    throw unsatisfiable(node.size);
  }
  await send(exchange, node, body, bytes);
}

function unsatisfiable(size: number): Refusal {
  return new Refusal(416, { headers: { 'Content-Range': `bytes */${size}` } });
}

/** Answers with the bytes `[start, end)` of a content, as a part of it. */
async function send(
  exchange: Exchange,
  node: Node,
  body: Bytes,
  { start, end }: { readonly start: number; readonly end: number },
): Promise<void> {
  const { request, response } = exchange;
  const head = (): void => {
    const range = `bytes ${start}-${end - 1}/${node.size}`;
    response.writeHead(206, [...headersOf(exchange, node, end - start), 'Content-Range', range]);
  };
  request.notes.sent += await sendBody(response, head, body, end - start);
}

/** With conditions, or counted from the end: nothing can be said before the size and the etag are known. */
async function sendKnown(exchange: Exchange, asked: RangeRequest | undefined): Promise<void> {
  const { request, view, path, call } = exchange;
  const { headers } = request;
  const known = await view.stat(path, { signal: call.signal });
  checkKind(known);
  checkConditions(headers, known, true);
  const ifRange = headers['if-range'];
  const range = rangeStillHolds(typeof ifRange === 'string' ? ifRange : undefined, known) ? asked : undefined;
  const ifMatch = known.etag === '' ? undefined : known.etag;
  if (range === undefined) return sendWhole(exchange, ifMatch);
  const bytes = resolveRange(range, known.size);
  if (bytes === undefined) throw unsatisfiable(known.size);
  const { node, body } = await view.read(path, { ...bytes, ifMatch, signal: call.signal });
  await send(exchange, node, body, bytes);
}

function checkKind(node: Node): void {
  if (node.kind === 'directory') throw new Refusal(405);
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
