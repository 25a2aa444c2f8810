import type { Attributes } from '../../core/entry.js';
import { VfsError } from '../../core/errors.js';
import type { Path } from '../../core/path.js';
import type { Node } from '../../vfs/view.js';
import type { WireAttributes } from './codec.js';

const TYPE_BITS: Readonly<Record<Node['kind'], number>> = { file: 0o100000, directory: 0o040000, symlink: 0o120000 };
const TYPE_LETTER: Readonly<Record<Node['kind'], string>> = { file: '-', directory: 'd', symlink: 'l' };

/** Bits that a client's wish for a new file or folder does not get, as sshd's umask has it. */
const UMASK = 0o022;
/** Permission bits of a new file when the client wishes for none. */
const NEW_FILE = 0o666;

/** Permission bits for a new file or folder. */
export function newMode(permissions: number = NEW_FILE): number {
  return permissions & 0o7777 & ~UMASK;
}

/** Numbers shown for files of storages that know no owner: the daemon's own, whose files they are. */
const OWN_UID = process.getuid?.() ?? 0;
const OWN_GID = process.getgid?.() ?? 0;

/** Permission bits: the storage's, or what the principal can do where the storage has none. */
export function modeOf(node: Node): number {
  if (node.mode !== undefined) return node.mode & 0o7777;
  if (node.kind === 'symlink') return 0o777;
  if (node.kind === 'directory') return node.writable ? 0o755 : 0o555;
  return node.writable ? 0o644 : 0o444;
}

export function uidOf(node: Node): number {
  return node.uid ?? OWN_UID;
}

export function gidOf(node: Node): number {
  return node.gid ?? OWN_GID;
}

/** A node's attributes for the wire; every field is sent, since clients take a missing one for zero. */
export function toWire(node: Node): WireAttributes {
  const mtime = seconds(node.mtime);
  return {
    size: node.size,
    uid: uidOf(node),
    gid: gidOf(node),
    permissions: TYPE_BITS[node.kind] | modeOf(node),
    atime: node.atime === undefined ? mtime : seconds(node.atime),
    mtime,
  };
}

/**
 * What a SETSTAT or FSETSTAT asks of `node`, without its size.
 *
 * Clients send attributes in groups and often only to make sure (`put -p`, `cp -a`), so what is already so is no
 * request: a storage without permissions or owners takes those that it shows, and refuses others. The time of last
 * access travels with that of the last change and cannot be left out (§5), so a storage without it drops it.
 * @returns attributes for the view, or undefined when nothing is left to do
 * @throws VfsError ENOTSUP for a mode or owner that the storage cannot keep
 */
export function toChange(attrs: WireAttributes, node: Node, path: Path): Attributes | undefined {
  const change: { -readonly [K in keyof Attributes]: Attributes[K] } = {};
  if (attrs.permissions !== undefined) {
    const mode = attrs.permissions & 0o7777;
    if (node.mode === undefined && mode !== modeOf(node)) throw refuse(path, 'this storage keeps no permissions');
    if (mode !== modeOf(node)) change.mode = mode;
  }
  if (attrs.uid !== undefined && attrs.gid !== undefined) {
    if (attrs.uid !== uidOf(node)) change.uid = attrs.uid;
    if (attrs.gid !== gidOf(node)) change.gid = attrs.gid;
    if (node.mode === undefined && (change.uid !== undefined || change.gid !== undefined)) {
      throw refuse(path, 'this storage keeps no owners');
    }
  }
  if (attrs.mtime !== undefined && attrs.mtime !== seconds(node.mtime)) change.mtime = attrs.mtime * 1000;
  if (attrs.atime !== undefined && node.atime !== undefined) change.atime = attrs.atime * 1000;
  return Object.keys(change).length === 0 ? undefined : change;
}

function refuse(path: Path, detail: string): VfsError {
  return new VfsError('ENOTSUP', 'setattr', path, { detail });
}

/** Version 3 has 32 bits for a time. */
function seconds(ms: number): number {
  return Math.min(Math.max(0, Math.floor(ms / 1000)), 0xffff_ffff);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const HALF_A_YEAR = 182.5 * 86_400_000;

/**
 * One line as `ls -l` prints it, for people (§7: "clients SHOULD NOT attempt to parse the longname").
 * @param now  ms since 1970: entries older than half a year show the year in place of the time
 */
export function longname(node: Node, name: string, owner: string, now: number): string {
  const when = new Date(node.mtime);
  const old = now - node.mtime > HALF_A_YEAR || node.mtime > now + 86_400_000;
  const time = old
    ? String(when.getFullYear()).padStart(5)
    : `${String(when.getHours()).padStart(2, '0')}:${String(when.getMinutes()).padStart(2, '0')}`;
  const uid = uidOf(node);
  const gid = gidOf(node);
  const user = (uid === OWN_UID ? owner : String(uid)).padEnd(8);
  const group = (gid === OWN_GID ? owner : String(gid)).padEnd(8);
  const day = String(when.getDate()).padStart(2);
  const links = String(node.links ?? 1).padStart(4);
  const size = String(node.size).padStart(8);
  return `${TYPE_LETTER[node.kind]}${bits(modeOf(node))} ${links} ${user} ${group} ${size} ${MONTHS[when.getMonth()] ?? MONTHS[0]} ${day} ${time} ${name}`;
}

/** Names for numbers, as `users-groups-by-id@openssh.com` asks: ours is the principal's, others stay numbers. */
export function nameOfId(id: number, own: 'user' | 'group', owner: string): string {
  return id === (own === 'user' ? OWN_UID : OWN_GID) ? owner : '';
}

function bits(mode: number): string {
  const triple = (shift: number, special: number, letter: string): string => {
    const x = (mode >> shift) & 1;
    const last = (mode & special) !== 0 ? (x ? letter : letter.toUpperCase()) : x ? 'x' : '-';
    return `${(mode >> shift) & 4 ? 'r' : '-'}${(mode >> shift) & 2 ? 'w' : '-'}${last}`;
  };
  return triple(6, 0o4000, 's') + triple(3, 0o2000, 's') + triple(0, 0o1000, 't');
}
