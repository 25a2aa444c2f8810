import { once } from '../../../core/bytes.js';
import { isVfsError } from '../../../core/errors.js';
import type { Lock } from '../../../vfs/locks.js';
import { depthOf, type Exchange, guard, type Method, reply, statOrNone } from '../exchange.js';
import { lockDiscovery } from '../locks-xml.js';
import { Refusal } from '../refusal.js';
import { childrenOf, DAV, elementsOf, readXml, type XmlElement } from '../xml/reader.js';
import { PROLOGUE, serializeChildren, XML_TYPE } from '../xml/writer.js';

const DEFAULT_SECONDS = 3600;
const MAX_SECONDS = 86_400;
const MAX_OWNER = 4096;

/** LOCK (RFC 4918 §9.10): takes a lock, or refreshes one when there is no body. */
export const lock: Method = async (exchange) => {
  const { request, view, path, call } = exchange;
  const root = await readXml(request);
  const seconds = secondsOf(request.headers.timeout);
  if (root === undefined) return refresh(exchange, seconds);

  const scope = scopeOf(root);
  const depth = depthOf(request);
  if (depth === undefined || depth === '1') throw new Refusal(400, { detail: 'Depth is 0 or infinity' });
  const [ownerElement] = childrenOf(root, DAV, 'owner');
  const owner = ownerElement === undefined ? '' : serializeChildren(ownerElement);
  if (Buffer.byteLength(owner) > MAX_OWNER) throw new Refusal(413, { detail: 'the owner element is too long' });

  await guard(exchange);
  const created = await createIfMissing(exchange);
  let taken: Lock;
  try {
    taken = await view.lock(path, { scope, deep: depth === 'infinity', owner, seconds }, call);
  } catch (error) {
    if (created) await view.unlink(path, { tokens: call.tokens }).catch(() => {});
    if (isVfsError(error, 'ELOCKED')) throw new Refusal(423, { condition: '<D:no-conflicting-lock/>' });
    throw error;
  }
  await answer(exchange, created ? 201 : 200, taken, ['Lock-Token', `<${taken.token}>`]);
};

/** §7.3: locking a name that is not mapped creates an empty file there. */
async function createIfMissing({ view, path, folderUrl, call }: Exchange): Promise<boolean> {
  if ((await statOrNone(view, path, call.signal)) !== undefined) return false;
  if (folderUrl) throw new Refusal(409, { detail: 'there is no such folder' });
  try {
    await view.write(path, once(Buffer.alloc(0)), { ...call, size: 0, ifNoneMatch: '*' });
    return true;
  } catch (error) {
    // Somebody else has just made it.
    if (isVfsError(error, 'EPRECONDITION')) return false;
    throw error;
  }
}

/** §9.10.2: the lock is named by the If header, which has one token. */
async function refresh(exchange: Exchange, seconds: number): Promise<void> {
  const { view, path, call } = exchange;
  const own = view.locksOn(path).find(({ token, holder }) => call.tokens.has(token) && holder === view.principal.name);
  if (own === undefined) throw new Refusal(412, { condition: '<D:lock-token-matches-request-uri/>' });
  await answer(exchange, 200, await view.refreshLock(path, own.token, seconds));
}

async function answer(exchange: Exchange, status: number, lock: Lock, headers: readonly string[] = []): Promise<void> {
  const { view, path, space, call } = exchange;
  const node = await statOrNone(view, path, call.signal);
  const seen = { path, folder: node?.kind === 'directory' };
  const body = `${PROLOGUE}<D:prop xmlns:D="DAV:">${lockDiscovery([lock], seen, view.principal.name, space)}</D:prop>\n`;
  reply(exchange, status, [...headers, 'Content-Type', XML_TYPE], body);
}

function scopeOf(root: XmlElement): 'exclusive' | 'shared' {
  if (root.namespace !== DAV || root.local !== 'lockinfo') throw new Refusal(400);
  const [scope] = childrenOf(root, DAV, 'lockscope').flatMap(elementsOf);
  const [type] = childrenOf(root, DAV, 'locktype').flatMap(elementsOf);
  if (type?.namespace !== DAV || type.local !== 'write') throw new Refusal(422, { detail: 'only write locks' });
  if (scope?.namespace !== DAV || (scope.local !== 'exclusive' && scope.local !== 'shared')) throw new Refusal(422);
  return scope.local;
}

/** The first of the client's wishes that we can grant (§10.7). */
function secondsOf(header: string | readonly string[] | undefined): number {
  if (typeof header !== 'string') return DEFAULT_SECONDS;
  for (const wish of header.split(',')) {
    const match = /^\s*(?:Second-(\d{1,10})|(Infinite))\s*$/i.exec(wish);
    if (match === null) continue;
    return match[2] === undefined ? Math.min(MAX_SECONDS, Math.max(1, Number(match[1]))) : MAX_SECONDS;
  }
  return DEFAULT_SECONDS;
}
