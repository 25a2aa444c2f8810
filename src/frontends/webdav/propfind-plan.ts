import { isOverridable, LIVE, propertyKey, QUOTA, type Subject, splitKey } from './properties.js';
import { Refusal } from './refusal.js';
import { statusLine } from './status.js';
import { childrenOf, DAV, elementsOf, type XmlElement } from './xml/reader.js';
import { emptyTag } from './xml/writer.js';

type Dead = ReadonlyMap<string, string> | undefined;

/** What a PROPFIND asks for, worked out once and then applied to each resource. */
export interface Plan {
  readonly wantsDead: boolean;
  readonly wantsLocks: boolean;
  readonly wantsRoom: boolean;
  /** The `propstat` elements of one resource. */
  render(subject: Subject, dead: Dead): string;
}

const MAX_NAMES = 1024;

/**
 * Reads a PROPFIND body (RFC 4918 §14.20); none means `allprop`.
 * @throws Refusal 400 for another root, an empty request or more than 1,024 properties
 */
export function planOf(root: XmlElement | undefined): Plan {
  if (root === undefined) return everything([]);
  if (root.namespace !== DAV || root.local !== 'propfind') throw new Refusal(400);
  if (childrenOf(root, DAV, 'propname').length > 0) return NAMES;
  if (childrenOf(root, DAV, 'allprop').length > 0) {
    return everything(childrenOf(root, DAV, 'include').flatMap(elementsOf));
  }
  const [prop] = childrenOf(root, DAV, 'prop');
  if (prop === undefined) throw new Refusal(400);
  return named(elementsOf(prop));
}

function propstat(found: string, missing: string): string {
  return (
    (found !== '' || missing === '' ? `<D:propstat><D:prop>${found}</D:prop>${OK}</D:propstat>` : '') +
    (missing !== '' ? `<D:propstat><D:prop>${missing}</D:prop>${NOT_FOUND}</D:propstat>` : '')
  );
}

const OK = `<D:status>${statusLine(200)}</D:status>`;
const NOT_FOUND = `<D:status>${statusLine(404)}</D:status>`;

/** Exactly these properties. */
function named(elements: readonly XmlElement[]): Plan {
  if (elements.length > MAX_NAMES) throw new Refusal(400, { detail: 'too many properties' });
  const wanted = elements.map(({ namespace, local }) => {
    const live = namespace === DAV ? (LIVE.get(local) ?? QUOTA.get(local)) : undefined;
    const key = live === undefined || isOverridable(local) ? propertyKey(namespace, local) : undefined;
    return { live, key, empty: emptyTag(namespace, local), room: namespace === DAV && QUOTA.has(local), local };
  });
  return {
    wantsDead: wanted.some(({ key }) => key !== undefined),
    wantsLocks: wanted.some(({ live, local }) => live !== undefined && local === 'lockdiscovery'),
    wantsRoom: wanted.some(({ room }) => room),
    render(subject, dead) {
      let found = '';
      let missing = '';
      for (const { live, key, empty } of wanted) {
        const value = (key === undefined ? undefined : dead?.get(key)) ?? live?.(subject);
        if (value === undefined) missing += empty;
        else found += value;
      }
      return propstat(found, missing);
    },
  };
}

/** All live and dead properties, and of those that `include` names the ones that are not among them: the quota. */
function everything(include: readonly XmlElement[]): Plan {
  const room = include.filter(({ namespace, local }) => namespace === DAV && QUOTA.has(local));
  const extra = room.length === 0 ? undefined : named(room);
  const live = [...LIVE];
  return {
    wantsDead: true,
    wantsLocks: true,
    wantsRoom: extra?.wantsRoom ?? false,
    render(subject, dead) {
      let found = '';
      for (const [local, property] of live) {
        if (dead !== undefined && isOverridable(local) && dead.has(propertyKey(DAV, local))) continue;
        found += property(subject) ?? '';
      }
      if (dead !== undefined) for (const value of dead.values()) found += value;
      return propstat(found, '') + (extra?.render(subject, undefined) ?? '');
    },
  };
}

/** The names of all properties that a resource has (RFC 4918 §9.1, `propname`). */
const NAMES: Plan = {
  wantsDead: true,
  wantsLocks: false,
  wantsRoom: false,
  render(subject, dead) {
    const names = new Set<string>();
    for (const [local, property] of LIVE) if (property(subject) !== undefined) names.add(propertyKey(DAV, local));
    if (dead !== undefined) for (const key of dead.keys()) names.add(key);
    let found = '';
    for (const key of names) {
      const { namespace, local } = splitKey(key);
      found += emptyTag(namespace, local);
    }
    return propstat(found, '');
  },
};
