import type { Entry, EntryKind } from '../../src/core/entry.js';
import type { Attrs } from './protocol.js';

const FORMAT = 0o170000;
const KINDS: ReadonlyMap<number, EntryKind> = new Map([
  [0o100000, 'file'],
  [0o040000, 'directory'],
  [0o120000, 'symlink'],
]);

/** @returns undefined for what is neither file, folder nor link; a server that sends no mode is taken to mean a file */
export function kindOf({ mode }: Attrs): EntryKind | undefined {
  return mode === undefined ? 'file' : KINDS.get(mode & FORMAT);
}

/**
 * What contents are told apart by. The protocol has seconds and no inode, so a foreign change within the same second
 * that keeps the size goes unseen; our own puts see to it that the time moves on.
 */
export function etagOf({ size, mtime }: Attrs): string {
  return `${(size ?? 0).toString(36)}-${(mtime ?? 0).toString(36)}`;
}

/** @returns undefined as `kindOf` */
export function entryOf(name: string, attrs: Attrs): Entry | undefined {
  const kind = kindOf(attrs);
  if (kind === undefined) return undefined;
  const { size = 0, mtime = 0, atime, uid, gid, mode } = attrs;
  return {
    name,
    kind,
    size: kind === 'directory' ? 0 : size,
    mtime: mtime * 1000,
    etag: kind === 'directory' ? '' : etagOf(attrs),
    mode: mode === undefined ? undefined : mode & 0o7777,
    uid,
    gid,
    atime: atime === undefined ? undefined : atime * 1000,
  };
}

/** Milliseconds as the protocol's unsigned 32-bit seconds; what lies outside is brought to the nearest end. */
export function seconds(ms: number): number {
  return Math.min(Math.max(Math.floor(ms / 1000), 0), 0xffffffff);
}
