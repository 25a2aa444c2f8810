import type { Path } from '../../core/path.js';
import type { Lock } from '../../vfs/locks.js';
import { type UrlSpace, urlOf } from './urls.js';
import { escapeXml } from './xml/writer.js';

export const SUPPORTED_LOCK =
  '<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>' +
  '<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>';

/**
 * The locks that cover a resource (RFC 4918 §15.8). Tokens are shown to their holder only (lesson 5).
 * @param seen  the resource whose property this is, and whether it is a folder
 */
export function lockDiscovery(
  locks: readonly Lock[],
  seen: { readonly path: Path; readonly folder: boolean },
  principal: string,
  space: UrlSpace,
): string {
  if (locks.length === 0) return '<D:lockdiscovery/>';
  const now = Date.now();
  const active = locks.map((lock) => {
    // A lock that covers this resource from elsewhere lies on a folder.
    const root = urlOf(lock.path, lock.path !== seen.path || seen.folder, space);
    const seconds = Math.max(0, Math.round((lock.expires - now) / 1000));
    return (
      `<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope><D:${lock.scope}/></D:lockscope>` +
      `<D:depth>${lock.deep ? 'infinity' : '0'}</D:depth>` +
      (lock.owner === '' ? '' : `<D:owner>${lock.owner}</D:owner>`) +
      `<D:timeout>Second-${seconds}</D:timeout>` +
      (lock.holder === principal ? `<D:locktoken><D:href>${escapeXml(lock.token)}</D:href></D:locktoken>` : '') +
      `<D:lockroot><D:href>${escapeXml(root)}</D:href></D:lockroot></D:activelock>`
    );
  });
  return `<D:lockdiscovery>${active.join('')}</D:lockdiscovery>`;
}
