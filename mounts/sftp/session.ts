import type { Duplex } from 'node:stream';
import { packets } from './framing.js';
import { encodeRequest, encodeWrite, type Field, MalformedPacket, PacketReader } from './packet.js';
import { type Attrs, type Extension, Status, Type } from './protocol.js';

/** The server answered with a status other than OK. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(`status ${status}${message === '' ? '' : `: ${message}`}`);
    this.status = status;
  }
}

/** The connection ended before the answer came. `sent`: the request had been given to it, so it may have been done. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  readonly sent: boolean;

  constructor(sent: boolean, options?: ErrorOptions) {
    super(sent ? 'connection lost before the answer came' : 'connection lost', options);
    this.sent = sent;
  }
}

/** A handle of the server's: a short string without meaning (§6.3). */
export type RemoteHandle = Buffer;
export interface ListedName {
  /** As the server sent it: untrusted, of any bytes. */
  readonly name: Buffer;
  readonly attrs: Attrs;
}
export interface FileSystemSpace {
  readonly total: number;
  readonly free: number;
  readonly readOnly: boolean;
  readonly fsid: bigint;
}

interface Pending {
  resolve(answer: { type: number; reader: PacketReader }): void;
  reject(error: Error): void;
}

/** What every server must take in one request (§3: 34,000 bytes a packet). */
const COMMON_PAYLOAD = 32 * 1024;
const MAX_PAYLOAD = 255 * 1024;
const START_MS = 15_000;

/**
 * One SFTP session on an SSH channel: requests go out as they come, answers find theirs by id, in any order. It keeps
 * no window of its own; whoever moves content bounds what is under way.
 */
export class SftpSession {
  readonly #channel: Duplex;
  readonly #pending = new Map<number, Pending>();
  readonly #extensions: Set<string>;
  #nextId = 1;
  #lost: Error | undefined;
  /** Bytes that one READ may ask for and one WRITE may carry. */
  #readSize = COMMON_PAYLOAD;
  #writeSize = COMMON_PAYLOAD;

  private constructor(channel: Duplex, extensions: Set<string>) {
    this.#channel = channel;
    this.#extensions = extensions;
  }

  /** Greets the server on a fresh channel. Rejects when it does not speak SFTP, or not version 3. */
  static start(channel: Duplex): Promise<SftpSession> {
    return new Promise((resolve, reject) => {
      let session: SftpSession | undefined;
      const fail = (error: Error): void => {
        clearTimeout(timer);
        if (session === undefined) reject(error);
        else session.lose(error);
        channel.destroy();
      };
      const timer = setTimeout(() => fail(new Error('no answer to the SFTP greeting')), START_MS);
      const take = packets((packet) => {
        if (session !== undefined) {
          session.#answer(packet);
          return;
        }
        session = new SftpSession(channel, readVersion(packet));
        session.#askLimits().then(() => {
          clearTimeout(timer);
          resolve(session!);
        }, reject);
      });
      channel.on('data', (piece: Buffer) => {
        try {
          take(piece);
        } catch (error) {
          fail(error as Error);
        }
      });
      channel.on('error', fail);
      channel.on('close', () => fail(new Error('the server closed the channel')));
      channel.on('end', () => fail(new Error('the server ended the channel')));
      const greeting = encodeRequest(Type.INIT, 3, []);
      channel.write(greeting);
    });
  }

  get alive(): boolean {
    return this.#lost === undefined;
  }

  /** Requests without an answer yet. */
  get load(): number {
    return this.#pending.size;
  }

  get readSize(): number {
    return this.#readSize;
  }

  get writeSize(): number {
    return this.#writeSize;
  }

  offers(extension: Extension): boolean {
    return this.#extensions.has(extension);
  }

  /** Ends the session: what waits for an answer rejects with ConnectionLost. */
  lose(cause: Error): void {
    if (this.#lost !== undefined) return;
    this.#lost = cause;
    for (const { reject } of this.#pending.values()) reject(new ConnectionLost(true, { cause }));
    this.#pending.clear();
  }

  async lstat(path: string): Promise<Attrs> {
    return (await this.#ask(Type.ATTRS, Type.LSTAT, path)).attrs();
  }

  async fstat(handle: RemoteHandle): Promise<Attrs> {
    return (await this.#ask(Type.ATTRS, Type.FSTAT, handle)).attrs();
  }

  async open(path: string, flags: number, attrs: Attrs = {}): Promise<RemoteHandle> {
    return copyOf((await this.#ask(Type.HANDLE, Type.OPEN, path, { u32: flags }, attrs)).string());
  }

  async opendir(path: string): Promise<RemoteHandle> {
    return copyOf((await this.#ask(Type.HANDLE, Type.OPENDIR, path)).string());
  }

  async close(handle: RemoteHandle): Promise<void> {
    await this.#do(Type.CLOSE, handle);
  }

  /** Up to `length` bytes at `position`, in one request; undefined at the end of the file. */
  async read(handle: RemoteHandle, position: number, length: number): Promise<Buffer | undefined> {
    const reader = await this.#untilEof(Type.DATA, Type.READ, handle, { u64: position }, { u32: length });
    if (reader === undefined) return undefined;
    const bytes = reader.string();
    if (bytes.length === 0 || bytes.length > length) throw this.#malformed(`${bytes.length} bytes for ${length}`);
    return bytes;
  }

  /** Writes the `length` bytes of `pieces` at `position`, in one request; they are copied before it returns. */
  async write(handle: RemoteHandle, position: number, pieces: readonly Uint8Array[], length: number): Promise<void> {
    await this.#send((id) => encodeWrite(Type.WRITE, id, handle, position, pieces, length)).then((answer) =>
      this.#expectOk(answer),
    );
  }

  /** The next names of a folder; undefined when there are no more. */
  async readdir(handle: RemoteHandle): Promise<ListedName[] | undefined> {
    const reader = await this.#untilEof(Type.NAME, Type.READDIR, handle);
    if (reader === undefined) return undefined;
    const names: ListedName[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      const name = copyOf(reader.string());
      reader.string();
      names.push({ name, attrs: reader.attrs() });
    }
    return names;
  }

  remove(path: string): Promise<void> {
    return this.#do(Type.REMOVE, path);
  }

  mkdir(path: string): Promise<void> {
    return this.#do(Type.MKDIR, path, {});
  }

  rmdir(path: string): Promise<void> {
    return this.#do(Type.RMDIR, path);
  }

  /** Fails where something has the new name (§6.5). */
  rename(from: string, to: string): Promise<void> {
    return this.#do(Type.RENAME, from, to);
  }

  posixRename(from: string, to: string): Promise<void> {
    return this.#extended('posix-rename@openssh.com', from, to);
  }

  hardlink(existing: string, path: string): Promise<void> {
    return this.#extended('hardlink@openssh.com', existing, path);
  }

  fsync(handle: RemoteHandle): Promise<void> {
    return this.#extended('fsync@openssh.com', handle);
  }

  /** Everything from one open file into another, at the server (draft-ietf-secsh-filexfer-extensions-00 §7). */
  copyData(from: RemoteHandle, to: RemoteHandle): Promise<void> {
    return this.#extended('copy-data', from, { u64: 0 }, { u64: 0 }, to, { u64: 0 });
  }

  setstat(path: string, attrs: Attrs): Promise<void> {
    return this.#do(Type.SETSTAT, path, attrs);
  }

  /** As setstat, of a link itself. */
  lsetstat(path: string, attrs: Attrs): Promise<void> {
    return this.#extended('lsetstat@openssh.com', path, attrs);
  }

  fsetstat(handle: RemoteHandle, attrs: Attrs): Promise<void> {
    return this.#do(Type.FSETSTAT, handle, attrs);
  }

  async realpath(path: string): Promise<Buffer> {
    return this.#oneName(Type.REALPATH, path);
  }

  async readlink(path: string): Promise<Buffer> {
    return this.#oneName(Type.READLINK, path);
  }

  /** OpenSSH has the arguments the other way round than the draft (its PROTOCOL §4.1), and the others follow it. */
  symlink(target: string, path: string): Promise<void> {
    return this.#do(Type.SYMLINK, target, path);
  }

  /** OpenSSH PROTOCOL §4.4. */
  async statvfs(path: string): Promise<FileSystemSpace> {
    const reader = await this.#ask(Type.EXTENDED_REPLY, Type.EXTENDED, 'statvfs@openssh.com', path);
    reader.u64(); // block size
    const fragment = reader.u64();
    const blocks = reader.u64();
    reader.u64(); // free to root
    const available = reader.u64();
    for (let skip = 0; skip < 3; skip++) reader.big64(); // inodes
    const fsid = reader.big64();
    const flags = reader.big64();
    return { total: blocks * fragment, free: available * fragment, readOnly: (flags & 1n) !== 0n, fsid };
  }

  /** OpenSSH PROTOCOL §4.8; 0 stands for no limit. Servers without it get what every server must take. */
  async #askLimits(): Promise<void> {
    if (!this.offers('limits@openssh.com')) return;
    const reader = await this.#ask(Type.EXTENDED_REPLY, Type.EXTENDED, 'limits@openssh.com');
    reader.big64();
    const take = (): number => {
      const given = reader.big64();
      return given === 0n || given > MAX_PAYLOAD ? MAX_PAYLOAD : Math.max(Number(given), 1024);
    };
    this.#readSize = take();
    this.#writeSize = take();
  }

  #extended(extension: Extension, ...fields: readonly Field[]): Promise<void> {
    return this.#do(Type.EXTENDED, extension, ...fields);
  }

  async #oneName(type: number, path: string): Promise<Buffer> {
    const reader = await this.#ask(Type.NAME, type, path);
    if (reader.u32() !== 1) throw this.#malformed('not one name');
    return copyOf(reader.string());
  }

  async #do(type: number, ...fields: readonly Field[]): Promise<void> {
    this.#expectOk(await this.#send((id) => encodeRequest(type, id, fields)));
  }

  async #ask(wanted: number, type: number, ...fields: readonly Field[]): Promise<PacketReader> {
    return this.#expect(wanted, await this.#send((id) => encodeRequest(type, id, fields)));
  }

  async #untilEof(wanted: number, type: number, ...fields: readonly Field[]): Promise<PacketReader | undefined> {
    try {
      return await this.#ask(wanted, type, ...fields);
    } catch (error) {
      if (error instanceof StatusError && error.status === Status.EOF) return undefined;
      throw error;
    }
  }

  #expectOk(answer: { type: number; reader: PacketReader }): void {
    if (answer.type !== Type.STATUS) throw this.#malformed(`an answer of type ${answer.type} for a status`);
    const status = answer.reader.u32();
    if (status !== Status.OK) throw statusError(status, answer.reader);
  }

  #expect(wanted: number, { type, reader }: { type: number; reader: PacketReader }): PacketReader {
    if (type === wanted) return reader;
    if (type !== Type.STATUS) throw this.#malformed(`an answer of type ${type} for ${wanted}`);
    const status = reader.u32();
    // OK where something was to be told is as wrong as any other answer.
    throw status === Status.OK ? this.#malformed('a status for an answer') : statusError(status, reader);
  }

  #send(encode: (id: number) => Buffer): Promise<{ type: number; reader: PacketReader }> {
    if (this.#lost !== undefined) return Promise.reject(new ConnectionLost(false, { cause: this.#lost }));
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#channel.write(encode(id));
    });
  }

  #answer(packet: Buffer): void {
    const reader = new PacketReader(packet);
    const type = reader.u8();
    const id = reader.u32();
    const pending = this.#pending.get(id);
    if (pending === undefined) throw new MalformedPacket(`an answer to ${id}, which was not asked`);
    this.#pending.delete(id);
    pending.resolve({ type, reader });
  }

  /** An answer that makes no sense: nothing on this connection can be trusted any more. */
  #malformed(what: string): MalformedPacket {
    const error = new MalformedPacket(what);
    this.#channel.destroy();
    this.lose(error);
    return error;
  }
}

function readVersion(packet: Buffer): Set<string> {
  const reader = new PacketReader(packet);
  if (reader.u8() !== Type.VERSION) throw new MalformedPacket('the server does not speak SFTP');
  const version = reader.u32();
  if (version !== 3) throw new MalformedPacket(`the server speaks SFTP version ${version}, not 3`);
  const extensions = new Set<string>();
  while (reader.remaining > 0) {
    const name = reader.string().toString('latin1');
    const revision = reader.string().toString('latin1');
    // statvfs came out as 2 and the others as 1; another revision has another meaning.
    if (revision === (name === 'statvfs@openssh.com' ? '2' : '1')) extensions.add(name);
  }
  return extensions;
}

function statusError(status: number, reader: PacketReader): StatusError {
  const message = reader.remaining >= 4 ? reader.string().subarray(0, 200).toString() : '';
  return new StatusError(status, message.replace(/[\x00-\x1f\x7f]/g, '?').toWellFormed());
}

/** Out of the packet that it is a view of, which would be kept alive with it. */
function copyOf(bytes: Buffer): Buffer {
  return Buffer.from(bytes);
}
