import type { Authenticator } from '../auth/authenticator.js';
import { parseUserName } from '../auth/user-name.js';
import { VfsError } from '../core/errors.js';
import { parsePath } from '../core/path.js';
import { type Explanation, explain } from '../vfs/explain.js';
import type { Namespace } from '../vfs/namespace.js';

/**
 * What a user may do at a path, and what decided it. No storage is asked.
 * @throws VfsError ENOENT for an unknown or disabled user, EINVAL, EUNAVAILABLE when a directory cannot tell
 */
export async function explainAccess(
  namespace: Namespace,
  authenticator: Pick<Authenticator, 'current'>,
  user: string,
  path: string,
): Promise<Explanation> {
  const principal = await authenticator.current({ name: parseUserName(user), groups: [], admin: false });
  if (principal === undefined)
    throw new VfsError('ENOENT', 'explain', user, { detail: `there is no user ${user}, or it is disabled` });
  return explain(namespace, principal, parsePath(path));
}
