import type { Path } from '../../core/path.js';
import type { Node, View } from '../../vfs/view.js';
import type { HttpRequest } from '../route.js';
import { entityTag } from './conditions.js';
import { statOrNone } from './exchange.js';
import type { Condition, StateList } from './if-header.js';
import { Refusal } from './refusal.js';
import { referencedPath, type UrlSpace } from './urls.js';

/**
 * Checks an If header against locks and entity tags (RFC 4918 §10.4.3).
 * @throws Refusal 412 when no list holds
 */
export async function checkStates(
  lists: readonly StateList[],
  request: HttpRequest,
  view: View,
  path: Path,
  space: UrlSpace,
): Promise<void> {
  for (const { tag, conditions } of lists) {
    const resource = tag === undefined ? path : ours(tag, request, space);
    if (await holds(conditions, request, view, resource)) return;
  }
  throw new Refusal(412);
}

async function holds(
  conditions: readonly Condition[],
  request: HttpRequest,
  view: View,
  resource: Path | undefined,
): Promise<boolean> {
  let node: Node | undefined | null = null;
  for (const condition of conditions) {
    let state = false;
    if (resource === undefined) state = false;
    else if ('token' in condition) state = ownLock(view, resource, condition.token);
    else {
      if (node === null) node = await statOrNone(view, resource, request.signal);
      state = node !== undefined && entityTag(node) === condition.etag;
    }
    if (state === condition.not) return false;
  }
  return true;
}

/** Tokens of others are as good as unknown: a token is worth something in its holder's hands only (lesson 5). */
function ownLock(view: View, path: Path, token: string): boolean {
  return view.locksOn(path).some((lock) => lock.token === token && lock.holder === view.principal.name);
}

/** A resource on another server is in no state that we know of. */
function ours(tag: string, request: HttpRequest, space: UrlSpace): Path | undefined {
  try {
    return referencedPath(tag, request, space);
  } catch (error) {
    if (error instanceof Refusal && error.status === 502) return undefined;
    throw error;
  }
}
