import { type Attr, ENTRY_SIZE, encodeEntry, encodeNoEntry, type Outgoing, type Validity } from './replies.js';

/** Number that a listing shows for a child whose node is not made yet (as libfuse does). */
export const UNKNOWN_NODE = 0xffffffff;
const DIRENT_HEAD = 24;

/** One name of a listing. `next` is where a listing that stopped after it goes on. */
export interface Dirent {
  readonly name: string;
  readonly node: number;
  readonly next: number;
  /** File type as `st_mode` has it. */
  readonly type: number;
}

/** Bytes that a name takes in a listing; records are padded to 8. */
export function direntSize(name: string, plus: boolean): number {
  return ((DIRENT_HEAD + Buffer.byteLength(name) + 7) & ~7) + (plus ? ENTRY_SIZE : 0);
}

/** struct fuse_dirent at `at`.
 *  @returns where the next record begins */
export function encodeDirent(o: Outgoing, at: number, entry: Dirent): number {
  const length = o.bytes.write(entry.name, at + DIRENT_HEAD);
  const end = at + ((DIRENT_HEAD + length + 7) & ~7);
  o.u64(at, entry.node);
  o.u64(at + 8, entry.next);
  o.u32(at + 16, length);
  o.u32(at + 20, entry.type >> 12);
  o.bytes.fill(0, at + DIRENT_HEAD + length, end);
  return end;
}

/** struct fuse_direntplus: the same with what a LOOKUP would have said; without `attr`, only the name counts. */
export function encodeDirentPlus(
  o: Outgoing,
  at: number,
  entry: Dirent,
  attr: Attr | undefined,
  generation: number,
  valid: Validity,
): number {
  if (attr === undefined) encodeNoEntry(o, at, 0);
  else encodeEntry(o, at, attr, generation, valid);
  return encodeDirent(o, at + ENTRY_SIZE, entry);
}
