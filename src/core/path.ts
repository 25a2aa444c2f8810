import { VfsError } from './errors.js';

/**
 * A canonical path: absolute, `/` between names, no trailing slash, no empty, `.` or `..` segment, no NUL, valid
 * UTF-8, each name at most 255 bytes and the whole at most 4,096. The root is `/`. Names keep the bytes they were
 * given: NFC and NFD are different names here, as they are on the storages.
 *
 * This file is the one canonicaliser (lesson 1: two of them disagreeing is how peers were escaped). Every edge, be it
 * a URL, an SFTP packet, a FUSE name, a configuration value or a line of a storage's listing, passes through it.
 */
export type Path = string & { readonly __path: unique symbol };

export const ROOT = '/' as Path;
/** Longest name and path in bytes of UTF-8, as Linux has them (NAME_MAX, PATH_MAX). */
export const NAME_MAX = 255;
export const PATH_MAX = 4096;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Makes a canonical path of what a client or a configuration gave. A missing leading slash is added, repeated and
 * trailing slashes and `.` segments are dropped; nothing is resolved.
 * @param raw  text, or bytes that must be UTF-8
 * @throws VfsError EINVAL for NUL, `..`, lone surrogates and invalid UTF-8; ENAMETOOLONG past the limits
 */
export function parsePath(raw: string | Uint8Array): Path {
  const text = typeof raw === 'string' ? raw : decode(raw);
  if (isCanonical(text)) return text as Path;
  const names: string[] = [];
  for (const name of text.split('/')) {
    if (name === '' || name === '.') continue;
    names.push(parseName(name));
  }
  return checkLength(`/${names.join('/')}`);
}

/**
 * Resolves `text` against `base` as a shell would, `..` included; `..` at the root stays at the root. Only for
 * protocols whose clients expect it (SFTP REALPATH, draft-ietf-secsh-filexfer-02 §6.11); all others refuse `..`.
 */
export function resolvePath(base: Path, raw: string | Uint8Array): Path {
  const text = typeof raw === 'string' ? raw : decode(raw);
  const names: string[] = text.startsWith('/') ? [] : segments(base).slice();
  for (const name of text.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') names.pop();
    else names.push(parseName(name));
  }
  return checkLength(`/${names.join('/')}`);
}

/**
 * Checks one name.
 * @throws VfsError EINVAL when it is empty, `.` or `..`, holds a slash, NUL or a lone surrogate, or is not UTF-8;
 *         ENAMETOOLONG past 255 bytes
 */
export function parseName(raw: string | Uint8Array): string {
  const name = typeof raw === 'string' ? raw : decode(raw);
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new VfsError('EINVAL', 'path', printable(name), { detail: 'not a name' });
  }
  if (!name.isWellFormed()) throw new VfsError('EINVAL', 'path', printable(name), { detail: 'not valid Unicode' });
  if (name.length > NAME_MAX / 3 && Buffer.byteLength(name) > NAME_MAX) {
    throw new VfsError('ENAMETOOLONG', 'path', printable(name));
  }
  return name;
}

/** The child `name` of `parent`; `name` is checked. */
export function join(parent: Path, name: string): Path {
  const checked = parseName(name);
  return checkLength(parent === ROOT ? `/${checked}` : `${parent}/${checked}`);
}

/** The path `below` (taken as canonical, `/` is `base` itself) moved under `base`. */
export function concat(base: Path, below: Path): Path {
  if (base === ROOT) return below;
  return below === ROOT ? base : checkLength(base + below);
}

/** The folder that holds `path`; the root is its own parent. */
export function parentOf(path: Path): Path {
  const slash = path.lastIndexOf('/');
  return (slash <= 0 ? '/' : path.slice(0, slash)) as Path;
}

/** The last name; empty for the root. */
export function nameOf(path: Path): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The names from the root down; empty for the root. */
export function segments(path: Path): string[] {
  return path === ROOT ? [] : path.slice(1).split('/');
}

/** Whether `path` is `ancestor` or lies below it, segment by segment (lesson 2: `/proj-secret` is not in `/proj`). */
export function isWithin(path: Path, ancestor: Path): boolean {
  return ancestor === ROOT || path === ancestor || path.startsWith(`${ancestor}/`);
}

/** `path` as seen from `ancestor`, which it must lie within: `/a/b/c` from `/a` is `/b/c`. */
export function relativeTo(path: Path, ancestor: Path): Path {
  if (ancestor === ROOT) return path;
  return (path === ancestor ? '/' : path.slice(ancestor.length)) as Path;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new VfsError('EINVAL', 'path', printable(Buffer.from(bytes).toString('latin1')), {
      cause,
      detail: 'not valid UTF-8',
    });
  }
}

/** The common case at one regular expression's cost: ASCII, short names, nothing to drop. */
const CANONICAL = /^(?:\/(?!\.{1,2}(?:\/|$))[\x01-\x2e\x30-\x7f]{1,255})+$/;
function isCanonical(text: string): boolean {
  return text === '/' || (text.length <= PATH_MAX && CANONICAL.test(text));
}

function checkLength(path: string): Path {
  if (path.length > PATH_MAX / 3 && Buffer.byteLength(path) > PATH_MAX) {
    throw new VfsError('ENAMETOOLONG', 'path', printable(path));
  }
  return path as Path;
}

/** What may stand in a message: short, no control characters. */
function printable(text: string): string {
  const clean = text.replace(/[\x00-\x1f\x7f]/g, '?').toWellFormed();
  return clean.length > 200 ? `${clean.slice(0, 200)}…` : clean;
}
