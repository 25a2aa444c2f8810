import type { ServerResponse } from 'node:http';
import { isVfsError, type VfsError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import { isWithin, type Path, parsePath } from '../../core/path.js';
import type { HttpRequest } from '../route.js';
import { ALLOW } from './methods/options.js';
import { Refusal } from './refusal.js';
import { statusLine, statusOf } from './status.js';
import { type UrlSpace, urlOf } from './urls.js';
import { escapeXml, PROLOGUE, XML_TYPE } from './xml/writer.js';

/** Verbs that work on whole trees and may fail at a member of one (RFC 4918 §9.6.1, §9.8.3, §9.9.2). */
const ON_TREES: ReadonlySet<string> = new Set(['DELETE', 'COPY', 'MOVE']);
/** Statuses that pass by themselves, with the seconds after which to come again. */
const RETRY_AFTER: Readonly<Record<number, string>> = { 429: '30', 503: '10', 504: '10' };

/** Turns what a verb threw into an answer; once the head is sent, only breaking the connection is left. */
export function answerFailure(
  error: unknown,
  request: HttpRequest,
  response: ServerResponse,
  where: { readonly path: Path | undefined; readonly space: UrlSpace },
  log: Logger,
): void {
  const status =
    error instanceof Refusal ? error.status : isVfsError(error) ? statusOf(error.code, request.method) : 500;
  if (status >= 500) log.warn({ id: request.id, method: request.method, err: error }, 'request failed');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  if (error instanceof Refusal) {
    answer(request, response, status, error.headers, error.condition && errorBody(error.condition));
    return;
  }
  if (!isVfsError(error)) {
    answer(request, response, 500, {});
    return;
  }
  const { space } = where;
  const member = memberOf(error, request.method, where.path);
  if (error.code === 'ELOCKED') {
    const url = escapeXml(urlOf(pathOf(error) ?? where.path ?? ('/' as Path), false, space));
    const condition = `<D:lock-token-submitted><D:href>${url}</D:href></D:lock-token-submitted>`;
    answer(request, response, status, {}, errorBody(condition));
  } else if (member !== undefined) {
    const href = escapeXml(urlOf(member, false, space));
    answer(
      request,
      response,
      207,
      {},
      `${PROLOGUE}<D:multistatus xmlns:D="DAV:"><D:response><D:href>${href}</D:href><D:status>${statusLine(status)}</D:status></D:response></D:multistatus>\n`,
    );
  } else answer(request, response, status, {});
}

/** The member of a tree that failed, when it was not the resource itself. */
function memberOf(error: VfsError, method: string, path: Path | undefined): Path | undefined {
  if (path === undefined || !ON_TREES.has(method)) return undefined;
  const failed = pathOf(error);
  return failed !== undefined && failed !== path && isWithin(failed, path) ? failed : undefined;
}

function pathOf(error: VfsError): Path | undefined {
  try {
    return parsePath(error.path);
  } catch {
    return undefined;
  }
}

function errorBody(condition: string): string {
  return `${PROLOGUE}<D:error xmlns:D="DAV:">${condition}</D:error>\n`;
}

function answer(
  request: HttpRequest,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  xml?: string,
): void {
  const retry = RETRY_AFTER[status];
  response.writeHead(status, {
    ...headers,
    // RFC 9110 §15.5.6: which ones are allowed goes with it.
    ...(status === 405 ? { Allow: ALLOW } : {}),
    ...(retry === undefined ? {} : { 'Retry-After': retry }),
    ...(xml === undefined ? {} : { 'Content-Type': XML_TYPE }),
    ...(status === 304 || status === 204 ? {} : { 'Content-Length': xml === undefined ? 0 : Buffer.byteLength(xml) }),
  });
  request.end(request.method === 'HEAD' ? undefined : xml);
}
