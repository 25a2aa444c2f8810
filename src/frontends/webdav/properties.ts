import type { Space } from '../../core/entry.js';
import { nameOf, type Path } from '../../core/path.js';
import type { Lock } from '../../vfs/locks.js';
import type { Node } from '../../vfs/view.js';
import { entityTag } from './conditions.js';
import { contentType } from './content-type.js';
import { lockDiscovery, SUPPORTED_LOCK } from './locks-xml.js';
import type { UrlSpace } from './urls.js';
import { DAV } from './xml/reader.js';
import { escapeXml } from './xml/writer.js';

/** What the live properties of one resource are made of. */
export interface Subject {
  readonly path: Path;
  readonly node: Node;
  readonly locks: readonly Lock[];
  readonly principal: string;
  readonly space: UrlSpace;
  /** Room where it lies; undefined where it was not asked for, or the storage does not say. */
  readonly room: Space | undefined;
}

/** The whole element, or undefined where this resource does not have the property. */
type Property = (subject: Subject) => string | undefined;

const isFolder = (node: Node): boolean => node.kind === 'directory';

/** Live properties (RFC 4918 §15) in the order in which they are listed. */
export const LIVE: ReadonlyMap<string, Property> = new Map<string, Property>([
  [
    'resourcetype',
    ({ node }) => (isFolder(node) ? '<D:resourcetype><D:collection/></D:resourcetype>' : '<D:resourcetype/>'),
  ],
  ['displayname', ({ path }) => `<D:displayname>${escapeXml(nameOf(path))}</D:displayname>`],
  ['getlastmodified', ({ node }) => `<D:getlastmodified>${httpDate(node.mtime)}</D:getlastmodified>`],
  [
    'creationdate',
    ({ node }) =>
      node.birthtime === undefined ? undefined : `<D:creationdate>${isoDate(node.birthtime)}</D:creationdate>`,
  ],
  [
    'getcontentlength',
    ({ node }) => (isFolder(node) ? undefined : `<D:getcontentlength>${node.size}</D:getcontentlength>`),
  ],
  [
    'getcontenttype',
    ({ node, path }) =>
      isFolder(node) ? undefined : `<D:getcontenttype>${escapeXml(contentType(nameOf(path)))}</D:getcontenttype>`,
  ],
  [
    'getetag',
    ({ node }) => {
      const tag = entityTag(node);
      return tag === undefined ? undefined : `<D:getetag>${escapeXml(tag)}</D:getetag>`;
    },
  ],
  ['supportedlock', () => SUPPORTED_LOCK],
  [
    'lockdiscovery',
    ({ locks, path, node, principal, space }) =>
      lockDiscovery(locks, { path, folder: isFolder(node) }, principal, space),
  ],
]);

/** Quota (RFC 4331 §3, §4): asking storages costs, so only for folders and only when named. */
export const QUOTA: ReadonlyMap<string, Property> = new Map<string, Property>([
  [
    'quota-available-bytes',
    ({ room }) =>
      room?.free === undefined ? undefined : `<D:quota-available-bytes>${room.free}</D:quota-available-bytes>`,
  ],
  [
    'quota-used-bytes',
    ({ room }) =>
      room?.free === undefined || room.total === undefined
        ? undefined
        : `<D:quota-used-bytes>${Math.max(0, room.total - room.free)}</D:quota-used-bytes>`,
  ],
]);

/** Names in `DAV:` that clients may set although a default is computed (RFC 4918 §15.2, §15.3). */
const SETTABLE: ReadonlySet<string> = new Set(['displayname', 'getcontentlanguage']);

/** Whether a client may not set or remove it. The namespace is not the client's to extend. */
export function isProtected(namespace: string, local: string): boolean {
  return namespace === DAV && !SETTABLE.has(local);
}

/** Whether a stored value stands in for the computed one. */
export function isOverridable(local: string): boolean {
  return SETTABLE.has(local);
}

/** How dead properties are keyed at the View. */
export function propertyKey(namespace: string, local: string): string {
  return `${namespace} ${local}`;
}

export function splitKey(key: string): { readonly namespace: string; readonly local: string } {
  const space = key.lastIndexOf(' ');
  return { namespace: key.slice(0, space), local: key.slice(space + 1) };
}

/** Times of storages are untrusted: what no calendar holds is the epoch. */
function dateOf(ms: number): Date {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}

/** IMF-fixdate (RFC 9110 §5.6.7). */
export function httpDate(ms: number): string {
  return dateOf(ms).toUTCString();
}

function isoDate(ms: number): string {
  return dateOf(ms).toISOString();
}
