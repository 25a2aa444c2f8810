import { VfsError } from '../../../core/errors.js';
import { HEADER_IN, Valid } from './numbers.js';

/*
 * What the kernel asks, decoded. All functions are pure; numbers are little-endian, as on every machine that Node runs
 * Linux on. 64-bit numbers above 2^53 cannot be represented and are refused (EINVAL): no file is that long, and node
 * ids and file handles are ours.
 */

/** One message where it lies: in a slot of the arena, or in a test's buffer. */
export class Message {
  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u32(at: number): number {
    return this.view.getUint32(at, true);
  }

  u64(at: number): number {
    const high = this.view.getUint32(at + 4, true);
    if (high > 0x1fffff) throw new VfsError('EINVAL', 'decode', '', { detail: 'a number beyond 2^53' });
    return high * 4294967296 + this.view.getUint32(at, true);
  }

  /** Signed seconds: they may lie before 1970. */
  s64(at: number): number {
    return this.view.getInt32(at + 4, true) * 4294967296 + this.view.getUint32(at, true);
  }

  /** The bytes up to the next NUL, as a view. */
  name(at: number, end: number): Buffer {
    const stop = this.bytes.indexOf(0, at);
    if (stop < 0 || stop >= end) throw new VfsError('EINVAL', 'decode', '', { detail: 'a name without an end' });
    return this.bytes.subarray(at, stop);
  }
}

/** struct fuse_in_header. The body lies in `[body, end)` of the message. */
export interface Header {
  readonly opcode: number;
  /** Halves of the 64-bit request number, sent back as they came. */
  readonly uniqueLow: number;
  readonly uniqueHigh: number;
  readonly node: number;
  readonly uid: number;
  readonly gid: number;
  /** Thread that asks, in the daemon's PID namespace; 0 when it is not visible there, and for the kernel itself. */
  readonly pid: number;
  readonly body: number;
  readonly end: number;
}

/** @throws VfsError EINVAL when the length field disagrees with what was read */
export function decodeHeader(m: Message, at: number, length: number): Header {
  if (length < HEADER_IN || m.u32(at) !== length) {
    throw new VfsError('EINVAL', 'decode', '', { detail: 'a broken header' });
  }
  return {
    opcode: m.u32(at + 4),
    uniqueLow: m.u32(at + 8),
    uniqueHigh: m.u32(at + 12),
    node: m.u64(at + 16),
    uid: m.u32(at + 24),
    gid: m.u32(at + 28),
    pid: m.u32(at + 32),
    body: at + HEADER_IN,
    end: at + length,
  };
}

/** struct fuse_init_in; `flags2` came with protocol 7.36. */
export function decodeInit(m: Message, { body, end }: Header) {
  return {
    major: m.u32(body),
    minor: m.u32(body + 4),
    maxReadahead: m.u32(body + 8),
    flags: m.u32(body + 12),
    flags2: end - body >= 20 ? m.u32(body + 16) : 0,
  };
}

/** LOOKUP, UNLINK, RMDIR: nothing but a name. */
export function decodeName(m: Message, { body, end }: Header): Buffer {
  return m.name(body, end);
}

export function decodeForget(m: Message, { body }: Header): number {
  return m.u64(body);
}

/** @returns pairs of node and number of lookups to take back */
export function decodeBatchForget(m: Message, { body, end }: Header): (readonly [node: number, lookups: number])[] {
  const count = Math.min(m.u32(body), Math.floor((end - body - 8) / 16));
  return Array.from({ length: count }, (_, i) => [m.u64(body + 8 + 16 * i), m.u64(body + 16 + 16 * i)] as const);
}

/** @returns the file handle, where the kernel asks through one (FUSE_GETATTR_FH) */
export function decodeGetattr(m: Message, { body }: Header): number | undefined {
  return m.u32(body) & 1 ? m.u64(body + 8) : undefined;
}

/** Times are milliseconds since 1970, or `now` for the daemon's clock. Absent fields are not to be changed. */
export interface SetattrRequest {
  readonly handle?: number;
  readonly size?: number;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly atime?: number | 'now';
  readonly mtime?: number | 'now';
}

/** struct fuse_setattr_in. */
export function decodeSetattr(m: Message, { body }: Header): SetattrRequest {
  const valid = m.u32(body);
  const time = (seconds: number, nanoseconds: number) => m.s64(body + seconds) * 1000 + m.u32(body + nanoseconds) / 1e6;
  return {
    ...(valid & Valid.FH && { handle: m.u64(body + 8) }),
    ...(valid & Valid.SIZE && { size: m.u64(body + 16) }),
    ...(valid & Valid.MODE && { mode: m.u32(body + 68) & 0o7777 }),
    ...(valid & Valid.UID && { uid: m.u32(body + 76) }),
    ...(valid & Valid.GID && { gid: m.u32(body + 80) }),
    ...(valid & Valid.ATIME && { atime: valid & Valid.ATIME_NOW ? 'now' : time(32, 56) }),
    ...(valid & Valid.MTIME && { mtime: valid & Valid.MTIME_NOW ? 'now' : time(40, 60) }),
  };
}

/** Name first, then what it points to. */
export function decodeSymlink(m: Message, { body, end }: Header) {
  const name = m.name(body, end);
  return { name, target: m.name(body + name.length + 1, end) };
}

/** struct fuse_mknod_in; `mode` with the file type, the caller's umask already taken off. */
export function decodeMknod(m: Message, { body, end }: Header) {
  return { mode: m.u32(body), name: m.name(body + 16, end) };
}

export function decodeMkdir(m: Message, { body, end }: Header) {
  return { mode: m.u32(body) & 0o7777, name: m.name(body + 8, end) };
}

/** RENAME, and RENAME2 (which has flags, see renameat2(2)). */
export function decodeRename(m: Message, { body, end }: Header, withFlags: boolean) {
  const names = body + (withFlags ? 16 : 8);
  const name = m.name(names, end);
  return {
    toParent: m.u64(body),
    flags: withFlags ? m.u32(body + 8) : 0,
    name,
    toName: m.name(names + name.length + 1, end),
  };
}

export function decodeLink(m: Message, { body, end }: Header) {
  return { existing: m.u64(body), name: m.name(body + 8, end) };
}

/** OPEN and OPENDIR: the flags of open(2). */
export function decodeOpen(m: Message, { body }: Header): number {
  return m.u32(body);
}

export function decodeCreate(m: Message, { body, end }: Header) {
  return { flags: m.u32(body), mode: m.u32(body + 4) & 0o7777, name: m.name(body + 16, end) };
}

/** READ, READDIR and READDIRPLUS (struct fuse_read_in). */
export function decodeRead(m: Message, { body }: Header) {
  return { handle: m.u64(body), offset: m.u64(body + 8), size: m.u32(body + 16) };
}

/** struct fuse_write_in; `flags` are those of open(2), `data` is a view of the message. */
export function decodeWrite(m: Message, { body, end }: Header) {
  const size = m.u32(body + 16);
  if (body + 40 + size > end) throw new VfsError('EINVAL', 'decode', '', { detail: 'a payload cut short' });
  return {
    handle: m.u64(body),
    offset: m.u64(body + 8),
    flags: m.u32(body + 32),
    data: m.bytes.subarray(body + 40, body + 40 + size),
  };
}

/** FLUSH, FSYNC, RELEASE, RELEASEDIR: the handle comes first in each. */
export function decodeHandle(m: Message, { body }: Header): number {
  return m.u64(body);
}

/** The request that is to be ended, as the halves of its number. */
export function decodeInterrupt(m: Message, { body }: Header) {
  return { uniqueLow: m.u32(body), uniqueHigh: m.u32(body + 4) };
}
