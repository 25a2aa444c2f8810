/*
 * SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02): packets cut out of a stream, requests decoded, answers
 * encoded. Pure functions on bytes; everything that comes in is untrusted and bounded before it is looked at.
 *
 *   uint32 length, byte type, then (except INIT and VERSION) uint32 request id, then what the type says
 */

/** Packet types (§3); what a client may send is below 100, and EXTENDED. */
export const Type = {
  INIT: 1,
  VERSION: 2,
  OPEN: 3,
  CLOSE: 4,
  READ: 5,
  WRITE: 6,
  LSTAT: 7,
  FSTAT: 8,
  SETSTAT: 9,
  FSETSTAT: 10,
  OPENDIR: 11,
  READDIR: 12,
  REMOVE: 13,
  MKDIR: 14,
  RMDIR: 15,
  REALPATH: 16,
  STAT: 17,
  RENAME: 18,
  READLINK: 19,
  SYMLINK: 20,
  STATUS: 101,
  HANDLE: 102,
  DATA: 103,
  NAME: 104,
  ATTRS: 105,
  EXTENDED: 200,
  EXTENDED_REPLY: 201,
} as const;

/** Longest packet taken, by its length field; what OpenSSH takes, and a little. */
export const PACKET_MAX = 256 * 1024 + 1024;
/** Longest read and write, as OpenSSH has it: data that fills a packet of 256 KiB with room for its header. */
export const DATA_MAX = 261_120;
/** Longest path or extension name looked at; longer ones are refused by the canonicaliser anyway. */
const STRING_MAX = 64 * 1024;
/** Bytes of a DATA packet before its data. */
export const DATA_HEADER = 13;
/** Longest handle a client may send back (§6.2). */
const HANDLE_MAX = 256;

/** Bits of an OPEN's pflags (§6.3). */
export const Open = { READ: 1, WRITE: 2, APPEND: 4, CREAT: 8, TRUNC: 16, EXCL: 32 } as const;

/** Bits of ATTRS (§5). */
const Attr = { SIZE: 1, UIDGID: 2, PERMISSIONS: 4, ACMODTIME: 8, EXTENDED: 0x8000_0000 } as const;

/** The bytes are no SFTP: the session cannot go on, for nothing after them can be trusted to be a packet. */
export class Malformed extends Error {
  override readonly name = 'Malformed';
}

/** Attributes as they travel; only those present were sent. Times are whole seconds since 1970, unsigned 32 bit. */
export interface WireAttributes {
  readonly size?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** With the type of file in the upper bits, as in `st_mode`. */
  readonly permissions?: number | undefined;
  readonly atime?: number | undefined;
  readonly mtime?: number | undefined;
}

/** A request; `id` is the client's number for it, `path` and the like raw bytes for the canonicaliser. */
export type Request =
  | { readonly op: 'open'; readonly id: number; path: Buffer; readonly pflags: number; readonly attrs: WireAttributes }
  | { readonly op: 'read'; readonly id: number; handle: number; readonly offset: number; readonly length: number }
  | { readonly op: 'write'; readonly id: number; handle: number; readonly offset: number; readonly data: Buffer }
  | { readonly op: HandleOp; readonly id: number; readonly handle: number }
  | { readonly op: PathOp; readonly id: number; readonly path: Buffer }
  | { readonly op: 'setstat' | 'mkdir'; readonly id: number; readonly path: Buffer; readonly attrs: WireAttributes }
  | { readonly op: 'fsetstat'; readonly id: number; readonly handle: number; readonly attrs: WireAttributes }
  | { readonly op: 'rename' | 'symlink'; readonly id: number; readonly first: Buffer; readonly second: Buffer }
  | { readonly op: 'extended'; readonly id: number; readonly name: string; readonly body: Fields }
  | { readonly op: 'unknown'; readonly id: number; readonly type: number };
export type HandleOp = 'close' | 'fstat' | 'readdir';
export type PathOp = 'lstat' | 'opendir' | 'remove' | 'rmdir' | 'realpath' | 'stat' | 'readlink';

const PATH_OPS: Readonly<Record<number, PathOp>> = {
  [Type.LSTAT]: 'lstat',
  [Type.OPENDIR]: 'opendir',
  [Type.REMOVE]: 'remove',
  [Type.RMDIR]: 'rmdir',
  [Type.REALPATH]: 'realpath',
  [Type.STAT]: 'stat',
  [Type.READLINK]: 'readlink',
};
const HANDLE_OPS: Readonly<Record<number, HandleOp>> = {
  [Type.CLOSE]: 'close',
  [Type.FSTAT]: 'fstat',
  [Type.READDIR]: 'readdir',
};

/** Reads the fields of one packet from front to back; what runs over its end is Malformed. */
export class Fields {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw new Malformed(`a field of ${length} bytes runs over its packet`);
    this.#at = at + length;
    return at;
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A 64-bit number; past 2^53 it is no longer exact, which no offset or size that we serve reaches. */
  uint64(): number {
    const at = this.#take(8);
    return this.#bytes.readUInt32BE(at) * 0x1_0000_0000 + this.#bytes.readUInt32BE(at + 4);
  }

  /** A string of at most `limit` bytes; a view on the packet, not a copy. */
  string(limit = STRING_MAX): Buffer {
    const length = this.uint32();
    if (length > limit) throw new Malformed(`a string of ${length} bytes`);
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A handle of ours: 4 bytes; any other length is one we never gave, shown as -1. */
  handle(): number {
    const bytes = this.string(HANDLE_MAX);
    return bytes.length === 4 ? bytes.readUInt32BE(0) : -1;
  }

  attributes(): WireAttributes {
    const flags = this.uint32();
    const attrs: { -readonly [K in keyof WireAttributes]: WireAttributes[K] } = {};
    if (flags & Attr.SIZE) attrs.size = this.uint64();
    if (flags & Attr.UIDGID) {
      attrs.uid = this.uint32();
      attrs.gid = this.uint32();
    }
    if (flags & Attr.PERMISSIONS) attrs.permissions = this.uint32();
    if (flags & Attr.ACMODTIME) {
      attrs.atime = this.uint32();
      attrs.mtime = this.uint32();
    }
    if (flags & Attr.EXTENDED) {
      // §5: "all unrecognised extended attributes are ignored"; each costs 8 bytes at least, so the packet bounds them.
      for (let count = this.uint32(); count > 0; count -= 1) {
        this.string();
        this.string();
      }
    }
    return attrs;
  }
}

/**
 * Decodes one request.
 * @param type     the packet's type byte
 * @param payload  what follows it; strings and data of the result are views on it
 * @throws Malformed when fields are missing or too long
 */
export function decodeRequest(type: number, payload: Buffer): Request {
  const fields = new Fields(payload);
  const id = fields.uint32();
  switch (type) {
    case Type.READ: {
      const handle = fields.handle();
      return { op: 'read', id, handle, offset: fields.uint64(), length: fields.uint32() };
    }
    case Type.WRITE: {
      const handle = fields.handle();
      const offset = fields.uint64();
      return { op: 'write', id, handle, offset, data: fields.string(PACKET_MAX) };
    }
    case Type.OPEN: {
      const path = fields.string();
      const pflags = fields.uint32();
      return { op: 'open', id, path, pflags, attrs: fields.attributes() };
    }
    case Type.SETSTAT:
    case Type.MKDIR: {
      const path = fields.string();
      return { op: type === Type.MKDIR ? 'mkdir' : 'setstat', id, path, attrs: fields.attributes() };
    }
    case Type.FSETSTAT: {
      const handle = fields.handle();
      return { op: 'fsetstat', id, handle, attrs: fields.attributes() };
    }
    case Type.RENAME:
    case Type.SYMLINK: {
      const first = fields.string();
      return { op: type === Type.RENAME ? 'rename' : 'symlink', id, first, second: fields.string() };
    }
    case Type.EXTENDED:
      return { op: 'extended', id, name: fields.string(HANDLE_MAX).toString('latin1'), body: fields };
    default: {
      const pathOp = PATH_OPS[type];
      if (pathOp !== undefined) return { op: pathOp, id, path: fields.string() };
      const handleOp = HANDLE_OPS[type];
      if (handleOp !== undefined) return { op: handleOp, id, handle: fields.handle() };
      return { op: 'unknown', id, type };
    }
  }
}

/** Writes a packet field by field; `end` gives it with its length in front. */
export class Packet {
  #bytes: Buffer;
  #at = 5;

  constructor(type: number, room = 256) {
    this.#bytes = Buffer.allocUnsafe(room + 5);
    this.#bytes[4] = type;
  }

  get length(): number {
    return this.#at;
  }

  #room(length: number): number {
    const at = this.#at;
    const needed = at + length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#at = needed;
    return at;
  }

  uint32(value: number): this {
    const at = this.#room(4);
    this.#bytes.writeUInt32BE(value >>> 0, at);
    return this;
  }

  uint64(value: number): this {
    const at = this.#room(8);
    const whole = Math.min(Math.max(0, Math.trunc(value)), Number.MAX_SAFE_INTEGER);
    this.#bytes.writeUInt32BE(Math.floor(whole / 0x1_0000_0000), at);
    this.#bytes.writeUInt32BE(whole % 0x1_0000_0000, at + 4);
    return this;
  }

  string(value: string | Uint8Array): this {
    const length = typeof value === 'string' ? Buffer.byteLength(value) : value.length;
    this.uint32(length);
    const at = this.#room(length);
    if (typeof value === 'string') this.#bytes.write(value, at, 'utf8');
    else this.#bytes.set(value, at);
    return this;
  }

  attributes(attrs: WireAttributes): this {
    const { size, uid, gid, permissions, atime, mtime } = attrs;
    let flags = 0;
    if (size !== undefined) flags |= Attr.SIZE;
    if (uid !== undefined && gid !== undefined) flags |= Attr.UIDGID;
    if (permissions !== undefined) flags |= Attr.PERMISSIONS;
    if (atime !== undefined && mtime !== undefined) flags |= Attr.ACMODTIME;
    this.uint32(flags);
    if (size !== undefined) this.uint64(size);
    if (uid !== undefined && gid !== undefined) this.uint32(uid).uint32(gid);
    if (permissions !== undefined) this.uint32(permissions);
    if (atime !== undefined && mtime !== undefined) this.uint32(atime).uint32(mtime);
    return this;
  }

  end(): Buffer {
    this.#bytes.writeUInt32BE(this.#at - 4, 0);
    return this.#bytes.subarray(0, this.#at);
  }
}

/** A STATUS packet (§7); the language tag is empty. */
export function statusPacket(id: number, code: number, message: string): Buffer {
  return new Packet(Type.STATUS, 16 + message.length).uint32(id).uint32(code).string(message).string('').end();
}

export function handlePacket(id: number, handle: number): Buffer {
  return new Packet(Type.HANDLE, 12).uint32(id).uint32(4).uint32(handle).end();
}

export function attrsPacket(id: number, attrs: WireAttributes): Buffer {
  return new Packet(Type.ATTRS, 40).uint32(id).attributes(attrs).end();
}

/** A NAME packet of one path without attributes, as REALPATH and READLINK answer (§6.11). */
export function namePacket(id: number, name: string): Buffer {
  return new Packet(Type.NAME).uint32(id).uint32(1).string(name).string(name).attributes({}).end();
}

/** Writes the header of a DATA packet before `length` bytes that are already in `into` at DATA_HEADER. */
export function dataPacket(id: number, into: Buffer, length: number): Buffer {
  into.writeUInt32BE(9 + length, 0);
  into[4] = Type.DATA;
  into.writeUInt32BE(id, 5);
  into.writeUInt32BE(length, 9);
  return into.subarray(0, DATA_HEADER + length);
}
