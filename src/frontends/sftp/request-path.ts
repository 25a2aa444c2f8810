import { type Path, ROOT, resolvePath } from '../../core/path.js';
import { fromGuest } from './guest-names.js';

/**
 * The path that a request names; `..` is resolved, for clients send it as it was typed (`get ../file` in sftp).
 * @throws VfsError EINVAL, ENAMETOOLONG
 */
export function pathOf(raw: Buffer): Path {
  return fromGuest(resolvePath(ROOT, raw));
}
