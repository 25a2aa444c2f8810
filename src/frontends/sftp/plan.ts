import { VfsError } from '../../core/errors.js';
import type { Path } from '../../core/path.js';
import type { Node } from '../../vfs/view.js';
import { longname, newMode, toWire } from './attributes.js';
import type { BufferPool } from './buffer-pool.js';
import {
  attrsPacket,
  DATA_HEADER,
  DATA_MAX,
  dataPacket,
  handlePacket,
  namePacket,
  Packet,
  type Request,
  Type,
} from './codec.js';
import { decodeExtension, type ExtensionContext } from './extensions.js';
import { toGuest } from './guest-names.js';
import { type Claim, type Lane, WHOLE_READ, WHOLE_WRITE } from './lane.js';
import { pathOf } from './request-path.js';

/** What a listing's end and a read past the last byte are answered with. */
export const END = Symbol('end');
/** No request of ours: answered with OP_UNSUPPORTED (§3). */
export const UNSUPPORTED = Symbol('unsupported');

/** A packet to send, with the buffer that goes back to the pool after it; undefined is a STATUS of OK. */
export type Reply = Buffer | { readonly packet: Buffer; readonly release: Buffer } | typeof END | undefined;

/** What a request will do: where it stands in the order of things, and the work itself. */
export interface Plan {
  /** For figures and the log; one of a small set. */
  readonly name: string;
  readonly work: (() => Promise<Reply>) | typeof UNSUPPORTED;
  /** Whether it changes what others see. */
  readonly changes?: boolean;
  /** Paths that it must not overtake others on. */
  readonly paths?: readonly Path[];
  /** The open file or folder whose order it keeps, and the part it touches. */
  readonly lane?: Lane;
  readonly claim?: Claim;
  /** Bytes of memory it takes besides its own packet. */
  readonly reserve?: number;
  /** Bytes of content it brings. */
  readonly received?: number;
}

export interface PlanContext extends ExtensionContext {
  readonly pool: BufferPool;
}

/**
 * Reads a request's paths and handles and says what it will do. Nothing is done yet.
 * @throws VfsError EINVAL, ENAMETOOLONG for a path that is none, EBADF for a handle that is not open or not for this
 */
export function planOf(request: Request, context: PlanContext): Plan {
  const { files, operations, signal } = context;
  const { id } = request;
  switch (request.op) {
    case 'read':
      return planRead(request, context);
    case 'write':
      return planWrite(request, context);
    case 'open': {
      const paths = [pathOf(request.path)] as const;
      const { pflags, attrs } = request;
      const mode = newMode(attrs.permissions);
      // Anything but reading makes or empties a file, or will.
      const changes = (pflags & ~1) !== 0;
      return {
        name: 'open',
        changes,
        paths,
        work: async () => handlePacket(id, await files.open(paths[0], pflags, mode)),
      };
    }
    case 'close': {
      const ref = files.get(request.handle);
      files.remove(request.handle);
      if (ref.kind === 'file' && ref.write) {
        return { name: 'close', changes: true, paths: [ref.file.path], work: () => ok(files.finish(ref)) };
      }
      const lane = ref.kind === 'file' ? ref.file.lane : ref.lane;
      return { name: 'close', lane, claim: WHOLE_WRITE, work: () => ok(files.release(ref, false)) };
    }
    case 'lstat':
    case 'stat': {
      const path = pathOf(request.path);
      const follow = request.op === 'stat';
      const work = async () => attrsPacket(id, toWire(await operations.stat(path, follow)));
      return { name: request.op, paths: [path], work };
    }
    case 'fstat': {
      const ref = files.get(request.handle);
      if (ref.kind === 'folder') {
        const { path } = ref.listing;
        return { name: 'fstat', work: async () => attrsPacket(id, toWire(await operations.stat(path, true))) };
      }
      const work = async () => attrsPacket(id, toWire(await ref.file.handle.stat()));
      return { name: 'fstat', lane: ref.file.lane, claim: WHOLE_READ, work };
    }
    case 'setstat': {
      const path = pathOf(request.path);
      const work = () => ok(operations.setattr(path, request.attrs, true));
      return { name: 'setstat', changes: true, paths: [path], work };
    }
    case 'fsetstat': {
      const { file } = files.file(request.handle);
      const { attrs } = request;
      const work = () =>
        ok(file.writing ? operations.setFile(file, attrs) : operations.setattr(file.path, attrs, true));
      return { name: 'fsetstat', changes: true, work };
    }
    case 'opendir': {
      const path = pathOf(request.path);
      const work = async () => handlePacket(id, await files.openFolder(path, { signal }));
      return { name: 'opendir', paths: [path], work };
    }
    case 'readdir': {
      const ref = files.get(request.handle);
      if (ref.kind !== 'folder') throw new VfsError('EBADF', 'readdir', '', { detail: 'a file' });
      const work = async () => {
        const nodes = await ref.listing.read();
        return nodes.length === 0 ? END : names(id, nodes, context.view.principal.name);
      };
      return { name: 'readdir', lane: ref.lane, claim: WHOLE_WRITE, work };
    }
    case 'remove': {
      const path = pathOf(request.path);
      return { name: 'remove', changes: true, paths: [path], work: () => ok(operations.remove(path)) };
    }
    case 'mkdir': {
      const path = pathOf(request.path);
      return { name: 'mkdir', changes: true, paths: [path], work: () => ok(operations.mkdir(path, request.attrs)) };
    }
    case 'rmdir': {
      const path = pathOf(request.path);
      return { name: 'rmdir', changes: true, paths: [path], work: () => ok(operations.rmdir(path)) };
    }
    case 'realpath': {
      const path = pathOf(request.path);
      return { name: 'realpath', work: async () => namePacket(id, toGuest(await operations.realpath(path))) };
    }
    case 'readlink': {
      const path = pathOf(request.path);
      return { name: 'readlink', paths: [path], work: async () => namePacket(id, await operations.readlink(path)) };
    }
    case 'rename': {
      const from = pathOf(request.first);
      const to = pathOf(request.second);
      const work = () => ok(operations.rename(from, to, false));
      return { name: 'rename', changes: true, paths: [from, to], work };
    }
    case 'symlink': {
      // OpenSSH sends the target first, against the draft, and everybody follows it (PROTOCOL, section 4.1).
      const target = targetOf(request.first);
      const path = pathOf(request.second);
      return { name: 'symlink', changes: true, paths: [path], work: () => ok(operations.symlink(path, target)) };
    }
    case 'extended': {
      const extension = decodeExtension(request.name, request.body, context);
      if (extension === undefined) return { name: 'extended', work: UNSUPPORTED };
      const { paths, changes } = extension;
      return { name: request.name.replace(/@.*/, ''), changes, paths, work: () => extension.run(id) };
    }
    default:
      return { name: 'unknown', work: UNSUPPORTED };
  }
}

function planRead(request: Request & { op: 'read' }, { files, pool, signal }: PlanContext): Plan {
  const { id, offset } = request;
  const { file, read } = files.file(request.handle);
  if (!read) throw new VfsError('EBADF', 'read', file.path);
  const length = Math.min(request.length, DATA_MAX);
  const work = async () => {
    // Not given back when the read fails: one that was called off may still fill it.
    const buffer = pool.take(DATA_HEADER + length);
    const got = await file.handle.read(offset, buffer.subarray(DATA_HEADER, DATA_HEADER + length), { signal });
    if (got > 0) return { packet: dataPacket(id, buffer, got), release: buffer };
    pool.give(buffer);
    return END;
  };
  const claim = rangeOf(offset, length, false, file.path);
  return { name: 'read', lane: file.lane, claim, work, reserve: DATA_HEADER + length };
}

function planWrite(request: Request & { op: 'write' }, { files }: PlanContext): Plan {
  const { offset, data } = request;
  const { file, write, append } = files.file(request.handle);
  if (!write) throw new VfsError('EBADF', 'write', file.path);
  const work = async () => {
    if (file.broken !== undefined) throw file.broken;
    file.fresh = false;
    try {
      await file.handle.write(append ? (await file.handle.stat()).size : offset, data);
    } catch (error) {
      file.broken ??= error;
      throw error;
    }
    file.written += data.length;
    return undefined;
  };
  const claim = append ? WHOLE_WRITE : rangeOf(offset, data.length, true, file.path);
  return { name: 'write', lane: file.lane, claim, work, received: data.length };
}

/** A link's target is kept as given, but must be text that a path could hold. */
function targetOf(raw: Buffer): string {
  const target = raw.toString('utf8');
  if (target === '' || target.includes('\0') || !Buffer.from(target).equals(raw)) {
    throw new VfsError('EINVAL', 'symlink', '', { detail: 'not a target' });
  }
  return target;
}

function rangeOf(start: number, length: number, writes: boolean, path: Path): Claim {
  const end = start + length;
  if (!Number.isSafeInteger(end)) throw new VfsError(writes ? 'EFBIG' : 'EINVAL', 'range', path);
  return { start, end, writes };
}

function names(id: number, nodes: readonly Node[], owner: string): Buffer {
  const now = Date.now();
  const packet = new Packet(Type.NAME, nodes.length * 160).uint32(id).uint32(nodes.length);
  for (const node of nodes) {
    const name = toGuest(node.name);
    packet
      .string(name)
      .string(longname(node, name, owner, now))
      .attributes(toWire(node));
  }
  return packet.end();
}

async function ok(work: Promise<unknown>): Promise<undefined> {
  await work;
  return undefined;
}
