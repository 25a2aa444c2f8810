import type { ServerResponse } from 'node:http';
import type { Entry } from '../../core/entry.js';
import { isVfsError } from '../../core/errors.js';
import type { Logger } from '../../core/log.js';
import type { Path } from '../../core/path.js';
import type { ChangeCall, Node, View } from '../../vfs/view.js';
import type { HttpRequest } from '../route.js';
import { checkConditions, isConditional } from './conditions.js';
import type { UrlSpace } from './urls.js';

/** One request of a signed-in client, as the verbs see it. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly response: ServerResponse;
  readonly view: View;
  readonly path: Path;
  /** Whether the URL ended with a slash, which says that a folder is meant. */
  readonly folderUrl: boolean;
  readonly space: UrlSpace;
  readonly log: Logger;
  /** The client's signal and the lock tokens it submitted, as every call that changes something takes them. */
  readonly call: ChangeCall & { readonly signal: AbortSignal; readonly tokens: ReadonlySet<string> };
}

/** A verb: answers, or throws a Refusal or a VfsError, which the server turns into a status. */
export type Method = (exchange: Exchange) => Promise<void>;

/** Answers with a head and perhaps a body. Header names and values alternate. */
export function reply(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  status: number,
  headers: readonly string[] = [],
  body?: string | Uint8Array,
): void {
  const head = [...headers];
  if (status !== 204 && status !== 304)
    head.push('Content-Length', String(body === undefined ? 0 : Buffer.byteLength(body)));
  response.writeHead(status, head);
  request.end(body);
}

/** What is at `path`; undefined when nothing is. A storage that does not answer is an error, not "nothing". */
export async function statOrNone(view: View, path: Path, signal: AbortSignal): Promise<Node | undefined> {
  try {
    return await view.stat(path, { signal });
  } catch (error) {
    if (isVfsError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * Checks the conditions of RFC 9110 §13 against what is there, and returns what View.write must be told so that nobody
 * comes between the check and the change.
 * @throws Refusal 412
 */
export async function guard({ request, view, path, call }: Exchange): Promise<{ ifMatch?: string; ifNoneMatch?: '*' }> {
  if (!isConditional(request.headers)) return {};
  const node: Entry | undefined = await statOrNone(view, path, call.signal);
  checkConditions(request.headers, node, false);
  if (node === undefined) return { ifNoneMatch: '*' };
  return node.etag === '' ? {} : { ifMatch: node.etag };
}

/**
 * The Depth header (RFC 4918 §10.2).
 * @returns undefined for what is none of the three
 */
export function depthOf(request: HttpRequest): '0' | '1' | 'infinity' | undefined {
  const raw = request.headers.depth;
  const depth = typeof raw === 'string' ? raw.trim().toLowerCase() : 'infinity';
  return depth === '0' || depth === '1' || depth === 'infinity' ? depth : undefined;
}
