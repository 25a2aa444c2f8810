import { isVfsError } from '../../core/errors.js';
import { type Path, parsePath, ROOT, segments } from '../../core/path.js';
import type { HttpRequest } from '../route.js';
import { Refusal } from './refusal.js';

/** Where the name space lies: `prefix` ends with a slash; `hosts` are what clients may call this node, in lower case,
 *  besides what the Host header of the request says. */
export interface UrlSpace {
  readonly prefix: string;
  readonly publicHost: string | undefined;
}

/**
 * The path that a request target or Destination means.
 *
 * Each segment is decoded by itself and must then be a name: an encoded slash, NUL or `..` is refused, not resolved
 * (lessons 1, 18, 19).
 * @param raw  path of a URL as sent, with the prefix of the space
 * @throws Refusal 400 for bad escapes and characters that no URL has, 404 outside the prefix; VfsError from parsePath
 */
export function pathFromUrl(raw: string, space: UrlSpace): Path {
  const below =
    raw === space.prefix.slice(0, -1) ? '' : raw.startsWith(space.prefix) ? raw.slice(space.prefix.length) : undefined;
  if (below === undefined) throw new Refusal(404);
  if (below === '') return ROOT;
  if (!/^[\x21\x22\x24-\x3e\x40-\x7e]*$/.test(below)) throw new Refusal(400, { detail: 'not a path of a URL' });
  if (!below.includes('%')) return parsePath(`/${below}`);
  const names = below.split('/').map((segment) => {
    let name: string;
    try {
      name = decodeURIComponent(segment);
    } catch {
      throw new Refusal(400, { detail: 'bad percent-encoding' });
    }
    if (name.includes('/')) throw new Refusal(400, { detail: 'an encoded slash' });
    return name;
  });
  return parsePath(`/${names.join('/')}`);
}

/**
 * The target of a COPY or MOVE (RFC 4918 §10.3): an absolute URL of this server, or an absolute path.
 * @throws Refusal 400 when it is missing or broken, 502 when it lies on another server or outside the space
 */
export function destinationOf(request: HttpRequest, space: UrlSpace): Path {
  const raw = request.headers.destination;
  if (typeof raw !== 'string' || raw === '') throw new Refusal(400, { detail: 'no Destination' });
  return referencedPath(raw, request, space);
}

/**
 * The path that a URL in a header means, which must be one of ours.
 * @throws Refusal 400, 502 as `destinationOf`
 */
export function referencedPath(raw: string, request: HttpRequest, space: UrlSpace): Path {
  let path = raw;
  if (!raw.startsWith('/') || raw.startsWith('//')) {
    const match = /^https?:\/\/([^/?#]+)(\/[^?#]*)$/i.exec(raw);
    if (match === null) throw new Refusal(400, { detail: 'not an http URL' });
    const host = withoutDefaultPort(match[1]!);
    // The scheme is not compared: a proxy in front may speak TLS for us.
    const here = request.headers.host === undefined ? undefined : withoutDefaultPort(request.headers.host);
    if (host !== here && (space.publicHost === undefined || host !== withoutDefaultPort(space.publicHost))) {
      throw new Refusal(502, { detail: 'the destination is on another server' });
    }
    path = match[2]!;
  }
  try {
    return pathFromUrl(path, space);
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) throw new Refusal(502);
    // A name that cannot be is a broken header, whatever the verb makes of EINVAL.
    if (isVfsError(error, 'EINVAL')) throw new Refusal(400, { detail: 'not a path' });
    throw error;
  }
}

function withoutDefaultPort(host: string): string {
  return host.toLowerCase().replace(/:(80|443)$/, '');
}

/** The URL path of `path`; folders end with a slash (RFC 4918 §5.2). */
export function urlOf(path: Path, folder: boolean, space: UrlSpace): string {
  if (path === ROOT) return space.prefix;
  return `${space.prefix}${segments(path).map(encodeName).join('/')}${folder ? '/' : ''}`;
}

/** One name as a segment of a URL: what RFC 3986 §3.3 allows there stays readable. */
export function encodeName(name: string): string {
  if (/^[\w.~!$'()*,;:@=+-]*$/.test(name)) return name;
  return encodeURIComponent(name).replace(/%(?:24|2B|2C|3A|3B|3D|40)/g, decodeURIComponent);
}
