import type { Space } from '../../../core/entry.js';
import { HEADER_OUT, Notice } from './numbers.js';

/*
 * What the daemon answers, encoded into a buffer of the caller's: the header at 0, the body behind it. Every function
 * returns the length of the whole message. They only write; nothing is allocated on the hot path.
 */

/** Attributes of one node as the kernel wants them. Times are milliseconds since 1970. */
export interface Attr {
  readonly node: number;
  readonly size: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
  /** File type and permissions. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
}

/** A buffer for messages on their way out. */
export class Outgoing {
  readonly bytes: Buffer;
  readonly #view: DataView;

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, size);
  }

  u16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  u32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** Also for negative numbers, as two's complement. */
  u64(at: number, value: number): void {
    this.#view.setUint32(at, value >>> 0, true);
    this.#view.setInt32(at + 4, Math.floor(value / 4294967296), true);
  }
}

/** struct fuse_out_header: the length of the whole message, 0 or -errno (or a notice), and the request's number. */
export function encodeHeader(
  o: Outgoing,
  length: number,
  error: number,
  uniqueLow: number,
  uniqueHigh: number,
): number {
  o.u32(0, length);
  o.u32(4, error >>> 0);
  o.u32(8, uniqueLow);
  o.u32(12, uniqueHigh);
  return length;
}

/** Blocks of st_blksize: large, so that programs that copy by it move much at a time. */
const BLOCK_SIZE = 128 * 1024;

function encodeTime(o: Outgoing, at: number, nanosecondsAt: number, ms: number): void {
  // Whole microseconds: a double has no more to give at today's dates, and a time that is read and set again stays.
  const microseconds = Math.round(ms * 1000);
  const seconds = Math.floor(microseconds / 1e6);
  o.u64(at, seconds);
  o.u32(nanosecondsAt, (microseconds - seconds * 1e6) * 1000);
}

/** struct fuse_attr, 88 bytes. */
export function encodeAttr(o: Outgoing, at: number, attr: Attr): void {
  o.u64(at, attr.node);
  o.u64(at + 8, attr.size);
  o.u64(at + 16, Math.ceil(attr.size / 512));
  encodeTime(o, at + 24, at + 48, attr.atime);
  encodeTime(o, at + 32, at + 52, attr.mtime);
  encodeTime(o, at + 40, at + 56, attr.ctime);
  o.u32(at + 60, attr.mode);
  o.u32(at + 64, attr.links);
  o.u32(at + 68, attr.uid);
  o.u32(at + 72, attr.gid);
  o.u32(at + 76, 0);
  o.u32(at + 80, BLOCK_SIZE);
  o.u32(at + 84, 0);
}

export const ENTRY_SIZE = 128;

/** How long the kernel may believe a name and its attributes, in seconds. */
export interface Validity {
  readonly entry: number;
  readonly attr: number;
}

function encodeSeconds(o: Outgoing, at: number, nanosecondsAt: number, seconds: number): void {
  const whole = Math.floor(seconds);
  o.u64(at, whole);
  o.u32(nanosecondsAt, Math.floor((seconds - whole) * 1e9));
}

/** struct fuse_entry_out at `at`: the answer to LOOKUP and everything that makes a name. */
export function encodeEntry(o: Outgoing, at: number, attr: Attr, generation: number, valid: Validity): void {
  o.u64(at, attr.node);
  o.u64(at + 8, generation);
  encodeSeconds(o, at + 16, at + 32, valid.entry);
  encodeSeconds(o, at + 24, at + 36, valid.attr);
  encodeAttr(o, at + 40, attr);
}

/** An entry without a node: "there is no such name", to be believed for `seconds`; or, in a READDIRPLUS, no promise. */
export function encodeNoEntry(o: Outgoing, at: number, seconds: number): void {
  o.bytes.fill(0, at, at + ENTRY_SIZE);
  encodeSeconds(o, at + 16, at + 32, seconds);
}

/** struct fuse_attr_out at the body. */
export function encodeAttrOut(o: Outgoing, attr: Attr, seconds: number): number {
  encodeSeconds(o, HEADER_OUT, HEADER_OUT + 8, seconds);
  o.u32(HEADER_OUT + 12, 0);
  encodeAttr(o, HEADER_OUT + 16, attr);
  return HEADER_OUT + 104;
}

/** struct fuse_open_out at `at`. */
export function encodeOpen(o: Outgoing, at: number, handle: number, flags: number): number {
  o.u64(at, handle);
  o.u32(at + 8, flags);
  o.u32(at + 12, 0);
  return at + 16;
}

export function encodeWritten(o: Outgoing, size: number): number {
  o.u32(HEADER_OUT, size);
  o.u32(HEADER_OUT + 4, 0);
  return HEADER_OUT + 8;
}

const UNKNOWN_BYTES = 2 ** 50;
const STATFS_BLOCK = 4096;
const MANY_FILES = 2 ** 32;

/** struct fuse_kstatfs. A storage that does not say how large it is has a PiB, all of it free: programs that look
 *  before they write must not be turned away. */
export function encodeStatfs(o: Outgoing, space: Space, nameMax: number): number {
  const total = space.total ?? Math.max(space.free ?? 0, UNKNOWN_BYTES);
  const free = Math.min(space.free ?? total, total);
  const body = HEADER_OUT;
  o.bytes.fill(0, body, body + 80);
  o.u64(body, Math.floor(total / STATFS_BLOCK));
  o.u64(body + 8, Math.floor(free / STATFS_BLOCK));
  o.u64(body + 16, Math.floor(free / STATFS_BLOCK));
  o.u64(body + 24, MANY_FILES);
  o.u64(body + 32, MANY_FILES);
  o.u32(body + 40, STATFS_BLOCK);
  o.u32(body + 44, nameMax);
  o.u32(body + 48, STATFS_BLOCK);
  return body + 80;
}

/** FUSE_NOTIFY_INVAL_INODE with a negative offset: what the kernel knows of the node's attributes is no longer so.
 *  (Pages are left alone: dropping them waits for reads that we may be about to answer.) */
export function encodeInvalidAttributes(node: number): Buffer {
  const o = new Outgoing(HEADER_OUT + 24);
  encodeHeader(o, o.bytes.length, Notice.INVAL_INODE, 0, 0);
  o.u64(16, node);
  o.u64(24, -1);
  o.u64(32, 0);
  return o.bytes;
}

/** FUSE_NOTIFY_INVAL_ENTRY: what the kernel knows of this name, that it is not there included, is no longer so. */
export function encodeInvalidEntry(parent: number, name: string): Buffer {
  const length = Buffer.byteLength(name);
  const o = new Outgoing(HEADER_OUT + 16 + length + 1);
  encodeHeader(o, o.bytes.length, Notice.INVAL_ENTRY, 0, 0);
  o.u64(16, parent);
  o.u32(24, length);
  o.u32(28, 0);
  o.bytes.write(name, 32);
  return o.bytes;
}
