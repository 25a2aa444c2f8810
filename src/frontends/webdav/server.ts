import type { ServerResponse } from 'node:http';
import type { Authenticator } from '../../auth/authenticator.js';
import type { Logger } from '../../core/log.js';
import type { Path } from '../../core/path.js';
import type { Views } from '../../vfs/views.js';
import type { HttpRequest, Route } from '../route.js';
import { CHALLENGE, principalOf } from './basic-auth.js';
import type { Method } from './exchange.js';
import { answerFailure } from './failure.js';
import { parseIf, submittedTokens } from './if-header.js';
import { remove } from './methods/delete.js';
import { get } from './methods/get.js';
import { lock } from './methods/lock.js';
import { mkcol } from './methods/mkcol.js';
import { options } from './methods/options.js';
import { propfind } from './methods/propfind.js';
import { proppatch } from './methods/proppatch.js';
import { put } from './methods/put.js';
import { copy, move } from './methods/transfer.js';
import { unlock } from './methods/unlock.js';
import { Refusal } from './refusal.js';
import { checkStates } from './states.js';
import { pathFromUrl, type UrlSpace } from './urls.js';

export interface WebdavOptions {
  /** Where the tree begins, with a slash at both ends: `/dav/`. */
  readonly prefix: string;
  readonly auth: Authenticator;
  readonly views: Views;
  readonly log: Logger;
  /** The URL under which clients know this node, when a proxy stands in front: Destination may name its host. */
  readonly publicUrl?: string | undefined;
}

const METHODS: ReadonlyMap<string, Method> = new Map([
  ['GET', get],
  ['HEAD', get],
  ['PUT', put],
  ['DELETE', remove],
  ['MKCOL', mkcol],
  ['COPY', copy],
  ['MOVE', move],
  ['PROPFIND', propfind],
  ['PROPPATCH', proppatch],
  ['LOCK', lock],
  ['UNLOCK', unlock],
]);

const NO_TOKENS: ReadonlySet<string> = new Set();

/** WebDAV class 1, 2 and 3 (RFC 4918) of the caller's view, with Basic authentication. */
export function webdav(config: WebdavOptions): Route {
  const { prefix, auth, views, log } = config;
  const space: UrlSpace = {
    prefix,
    publicHost: config.publicUrl === undefined ? undefined : new URL(config.publicUrl).host,
  };

  async function serve(request: HttpRequest, response: ServerResponse): Promise<void> {
    let path: Path | undefined;
    try {
      if (request.method === 'OPTIONS') return options({ request, response });
      // Nothing else is looked at before the login, whatever the verb (lesson 22).
      const principal = await principalOf(request, auth);
      if (principal === undefined) throw new Refusal(401, { headers: CHALLENGE });
      request.notes.user = principal.name;
      const method = METHODS.get(request.method);
      if (method === undefined) throw new Refusal(405);
      path = pathFromUrl(request.path, space);
      const view = views.of(principal);
      request.notes.mount = view.mountOf(path);
      const { signal } = request;
      let tokens = NO_TOKENS;
      const ifHeader = request.headers.if;
      if (typeof ifHeader === 'string') {
        const lists = parseIf(ifHeader);
        tokens = submittedTokens(lists);
        await checkStates(lists, request, view, path, space);
      }
      const folderUrl = request.path.endsWith('/');
      await method({ request, response, view, path, folderUrl, space, log, call: { signal, tokens } });
    } catch (error) {
      answerFailure(error, request, response, { path, space }, log);
    }
  }

  return { name: 'webdav', prefix, handle: serve };
}
