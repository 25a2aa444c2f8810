import type { EntryKind } from '../../core/entry.js';
import type { Node } from '../../vfs/view.js';
import type { Inode } from './inodes.js';
import { S_IFDIR, S_IFLNK, S_IFREG } from './protocol/numbers.js';
import type { Attr } from './protocol/replies.js';

const TYPE: Readonly<Record<EntryKind, number>> = { file: S_IFREG, directory: S_IFDIR, symlink: S_IFLNK };

export function typeOf(kind: EntryKind): number {
  return TYPE[kind];
}

/** Whose the files are that belong to nobody else, and what may be done with those that have no permissions. */
export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
}

/*
 * Files that belong to the daemon's own account at the storage are shown as the drive's owner's, and the other way
 * round: the daemon's account means nothing to those who use the drive.
 */
const daemonUid = process.geteuid?.() ?? 0;
const daemonGid = process.getegid?.() ?? 0;

export function shownUid(uid: number | undefined, owner: Ownership): number {
  return uid === undefined || uid === daemonUid ? owner.uid : uid;
}

export function shownGid(gid: number | undefined, owner: Ownership): number {
  return gid === undefined || gid === daemonGid ? owner.gid : gid;
}

export function storedUid(uid: number, owner: Ownership): number {
  return uid === owner.uid ? daemonUid : uid;
}

export function storedGid(gid: number, owner: Ownership): number {
  return gid === owner.gid ? daemonGid : gid;
}

/** Permission bits as shown: the storage's own, else what the umask leaves of 0666 and 0777. */
export function shownMode(node: Node, owner: Ownership): number {
  if (node.kind === 'symlink') return 0o777;
  if (node.mode !== undefined) return node.mode & 0o7777;
  return (node.kind === 'directory' ? 0o777 : 0o666) & ~owner.umask;
}

/** What stat(2) says of a node. */
export function attrOf(inode: Inode, node: Node, owner: Ownership): Attr {
  return {
    node: inode.id,
    size: node.size,
    atime: node.atime ?? node.mtime,
    mtime: node.mtime,
    ctime: node.ctime ?? node.mtime,
    mode: TYPE[node.kind] | shownMode(node, owner),
    links: inode.names.length === 0 && inode.id !== 1 ? 0 : (node.links ?? 1),
    uid: shownUid(node.uid, owner),
    gid: shownGid(node.gid, owner),
  };
}

/** What a folder says that was removed while somebody stands in it. */
export function attrOfRemoved(inode: Inode, owner: Ownership, now: number): Attr {
  const { uid, gid } = owner;
  const mode = TYPE[inode.kind] | 0o700;
  return { node: inode.id, size: 0, atime: now, mtime: now, ctime: now, mode, links: 0, uid, gid };
}
