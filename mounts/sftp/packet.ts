import { AttrFlag, type Attrs } from './protocol.js';

/** The server sent what is no SFTP; the connection cannot be used any further. */
export class MalformedPacket extends Error {
  override readonly name = 'MalformedPacket';
}

/** What a request carries after its id. */
export type Field = { readonly u32: number } | { readonly u64: number } | string | Uint8Array | Attrs;

/** @returns one whole packet: length, type, id, fields (§3); strings and byte strings with their length before them */
export function encodeRequest(type: number, id: number, fields: readonly Field[]): Buffer {
  const parts = fields.map(encodeField);
  const length = parts.reduce((sum, part) => sum + part.length, 5);
  const packet = Buffer.allocUnsafe(4 + length);
  packet.writeUInt32BE(length, 0);
  packet[4] = type;
  packet.writeUInt32BE(id, 5);
  let at = 9;
  for (const part of parts) {
    packet.set(part, at);
    at += part.length;
  }
  return packet;
}

function encodeField(field: Field): Uint8Array {
  if (typeof field === 'string' || field instanceof Uint8Array) {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    const out = Buffer.allocUnsafe(4 + bytes.length);
    out.writeUInt32BE(bytes.length, 0);
    out.set(bytes, 4);
    return out;
  }
  if ('u32' in field) {
    const out = Buffer.allocUnsafe(4);
    out.writeUInt32BE(field.u32 >>> 0, 0);
    return out;
  }
  if ('u64' in field) {
    const out = Buffer.allocUnsafe(8);
    out.writeBigUInt64BE(BigInt(field.u64), 0);
    return out;
  }
  return encodeAttrs(field);
}

/** uid goes with gid, and atime with mtime: both are given or neither (§5). */
function encodeAttrs({ size, uid, gid, mode, atime, mtime }: Attrs): Buffer {
  let flags = 0;
  const out = Buffer.alloc(32);
  let at = 4;
  if (size !== undefined) {
    flags |= AttrFlag.SIZE;
    at = out.writeBigUInt64BE(BigInt(size), at);
  }
  if (uid !== undefined && gid !== undefined) {
    flags |= AttrFlag.UIDGID;
    at = out.writeUInt32BE(gid >>> 0, out.writeUInt32BE(uid >>> 0, at));
  }
  if (mode !== undefined) {
    flags |= AttrFlag.PERMISSIONS;
    at = out.writeUInt32BE(mode, at);
  }
  if (atime !== undefined && mtime !== undefined) {
    flags |= AttrFlag.ACMODTIME;
    at = out.writeUInt32BE(mtime, out.writeUInt32BE(atime, at));
  }
  out.writeUInt32BE(flags, 0);
  return out.subarray(0, at);
}

/** Reads an answer field by field. Every length is checked against what is there. */
export class PacketReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#take(1)[0]!;
  }

  u32(): number {
    return this.#take(4).readUInt32BE(0);
  }

  /** A number past 2^53 makes no sense as a size or count and is refused. */
  u64(): number {
    const value = this.big64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedPacket(`a number of ${value}`);
    return Number(value);
  }

  big64(): bigint {
    return this.#take(8).readBigUInt64BE(0);
  }

  /** A view of the packet, not a copy. */
  string(): Buffer {
    return this.#take(this.u32());
  }

  attrs(): Attrs {
    const flags = this.u32();
    const size = flags & AttrFlag.SIZE ? this.u64() : undefined;
    const [uid, gid] = flags & AttrFlag.UIDGID ? [this.u32(), this.u32()] : [];
    const mode = flags & AttrFlag.PERMISSIONS ? this.u32() : undefined;
    const [atime, mtime] = flags & AttrFlag.ACMODTIME ? [this.u32(), this.u32()] : [];
    if (flags & AttrFlag.EXTENDED) {
      for (let left = this.u32(); left > 0; left--) {
        this.string();
        this.string();
      }
    }
    return { size, uid, gid, mode, atime, mtime };
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedPacket('a field longer than its packet');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}

/** A WRITE request (§6.4) whose data is gathered from `pieces`, so that it is copied once on its way. */
export function encodeWrite(
  type: number,
  id: number,
  handle: Uint8Array,
  position: number,
  pieces: readonly Uint8Array[],
  length: number,
): Buffer {
  const packet = Buffer.allocUnsafe(4 + 5 + 4 + handle.length + 8 + 4 + length);
  packet.writeUInt32BE(packet.length - 4, 0);
  packet[4] = type;
  packet.writeUInt32BE(id, 5);
  let at = packet.writeUInt32BE(handle.length, 9);
  packet.set(handle, at);
  at = packet.writeBigUInt64BE(BigInt(position), at + handle.length);
  at = packet.writeUInt32BE(length, at);
  for (const piece of pieces) {
    packet.set(piece, at);
    at += piece.length;
  }
  return packet;
}
