import type { BigIntStats } from 'node:fs';
import type { Entry, EntryKind } from '../../src/core/entry.js';

/** @returns undefined for what is none of ours: sockets, pipes, devices */
export function kindOf(stats: BigIntStats): EntryKind | undefined {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'symlink' : undefined;
}

export function toEntry(name: string, kind: EntryKind, stats: BigIntStats): Entry {
  return {
    name,
    kind,
    size: kind === 'directory' ? 0 : Number(stats.size),
    mtime: milliseconds(stats.mtimeNs),
    etag: kind === 'file' ? etagOf(stats) : '',
    id: stats.ino.toString(36),
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    atime: milliseconds(stats.atimeNs),
    ctime: milliseconds(stats.ctimeNs),
    birthtime: milliseconds(stats.birthtimeNs),
    links: Number(stats.nlink),
  };
}

/**
 * Inode, size and both times: a replaced file has another inode, one written in place another time. The change time
 * cannot be set back, which catches a program that writes and then restores the modification time.
 */
export function etagOf(stats: BigIntStats): string {
  const { ino, size, mtimeNs, ctimeNs } = stats;
  return `${ino.toString(36)}.${size.toString(36)}.${mtimeNs.toString(36)}.${(ctimeNs - mtimeNs).toString(36)}`;
}

function milliseconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}

let last = 0;

/**
 * Now, and later than every answer before, by a microsecond at least. The kernel's own stamps stand still for up to
 * 4 ms, in which two contents of one size could get one etag.
 */
export function stamp(): number {
  last = Math.max(Date.now(), last + 0.001);
  return last;
}
