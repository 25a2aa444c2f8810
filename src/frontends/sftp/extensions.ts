import { VfsError } from '../../core/errors.js';
import { type Path, ROOT, resolvePath } from '../../core/path.js';
import type { View } from '../../vfs/view.js';
import { nameOfId } from './attributes.js';
import { DATA_MAX, type Fields, Malformed, namePacket, Packet, Type } from './codec.js';
import { copyData } from './copy-data.js';
import { HANDLES_MAX, type OpenFiles } from './open-files.js';
import type { Operations } from './operations.js';
import { pathOf } from './request-path.js';

/** What an extension works with. */
export interface ExtensionContext {
  readonly view: View;
  readonly files: OpenFiles;
  readonly operations: Operations;
  readonly origin: object;
  readonly signal: AbortSignal;
}

/** An extended request, decoded: what it touches, and how it is done. */
export interface ExtendedRequest {
  /** Paths it works on, for the order of requests and the log; empty for those on handles. */
  readonly paths: readonly Path[];
  readonly changes: boolean;
  /** Does it; the answer is a packet, or nothing for a STATUS of OK. */
  run(id: number): Promise<Buffer | undefined>;
}

type Extension = (body: Fields, context: ExtensionContext) => ExtendedRequest;

const nothing = async (work: Promise<unknown>): Promise<undefined> => {
  await work;
  return undefined;
};

/** Extensions by name, as OpenSSH's PROTOCOL file describes them (section 4), with the version told in VERSION. */
const EXTENSIONS: Readonly<Record<string, { readonly version: string; readonly decode: Extension }>> = {
  'posix-rename@openssh.com': {
    version: '1',
    decode: (body, { operations }) => {
      const from = pathOf(body.string());
      const to = pathOf(body.string());
      return { paths: [from, to], changes: true, run: () => nothing(operations.rename(from, to, true)) };
    },
  },
  'statvfs@openssh.com': {
    version: '2',
    decode: (body, { operations }) => {
      const path = pathOf(body.string());
      return { paths: [path], changes: false, run: (id) => statvfs(id, path, operations) };
    },
  },
  'fstatvfs@openssh.com': {
    version: '2',
    decode: (body, { files, operations }) => {
      const ref = files.get(body.handle());
      const path = ref.kind === 'file' ? ref.file.path : ref.listing.path;
      return { paths: [], changes: false, run: (id) => statvfs(id, path, operations) };
    },
  },
  'hardlink@openssh.com': {
    version: '1',
    decode: (body, { operations }) => {
      const existing = pathOf(body.string());
      const path = pathOf(body.string());
      return { paths: [existing, path], changes: true, run: () => nothing(operations.link(existing, path)) };
    },
  },
  'fsync@openssh.com': {
    version: '1',
    decode: (body, { files }) => {
      const { file, write } = files.file(body.handle());
      return {
        paths: [],
        changes: true,
        run: async () => (write ? nothing(files.sync(file)) : undefined),
      };
    },
  },
  'lsetstat@openssh.com': {
    version: '1',
    decode: (body, { operations }) => {
      const path = pathOf(body.string());
      const attrs = body.attributes();
      return { paths: [path], changes: true, run: () => nothing(operations.setattr(path, attrs, false)) };
    },
  },
  'limits@openssh.com': {
    version: '1',
    decode: () => ({
      paths: [],
      changes: false,
      run: async (id) =>
        new Packet(Type.EXTENDED_REPLY)
          .uint32(id)
          .uint64(256 * 1024)
          .uint64(DATA_MAX)
          .uint64(DATA_MAX)
          .uint64(HANDLES_MAX)
          .end(),
    }),
  },
  'expand-path@openssh.com': {
    version: '1',
    decode: (body, { view }) => {
      const path = body.string();
      return { paths: [], changes: false, run: async (id) => namePacket(id, expandPath(path, view.principal.name)) };
    },
  },
  'copy-data': {
    version: '1',
    decode: (body, context) => {
      const from = context.files.file(body.handle());
      const start = body.uint64();
      const length = body.uint64();
      const to = context.files.file(body.handle());
      const request = { from, start, length, to, at: body.uint64() };
      return { paths: [], changes: true, run: () => nothing(copyData(request, context)) };
    },
  },
  'users-groups-by-id@openssh.com': {
    version: '1',
    decode: (body, { view }) => {
      const users = body.string();
      const groups = body.string();
      return {
        paths: [],
        changes: false,
        run: async (id) =>
          new Packet(Type.EXTENDED_REPLY)
            .uint32(id)
            .string(names(users, 'user', view.principal.name))
            .string(names(groups, 'group', view.principal.name))
            .end(),
      };
    },
  },
};

/** Names and versions, for the VERSION packet. */
export function extensionPairs(): readonly (readonly [name: string, version: string])[] {
  return Object.entries(EXTENSIONS).map(([name, { version }]) => [name, version]);
}

/** @returns undefined for an extension we do not have, which is answered with OP_UNSUPPORTED (§8) */
export function decodeExtension(name: string, body: Fields, context: ExtensionContext): ExtendedRequest | undefined {
  return Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name]?.decode(body, context) : undefined;
}

const BLOCK = 4096;

/** @throws VfsError ENOTSUP where the storage tells neither: a made-up number would be taken for the truth */
async function statvfs(id: number, path: Path, operations: Operations): Promise<Buffer> {
  const { total, free } = await operations.statfs(path);
  if (total === undefined && free === undefined) {
    throw new VfsError('ENOTSUP', 'statfs', path, { detail: 'this storage does not say how much room it has' });
  }
  const room = Math.floor((free ?? 0) / BLOCK);
  const blocks = Math.floor((total ?? free ?? 0) / BLOCK);
  const reply = new Packet(Type.EXTENDED_REPLY).uint32(id);
  const inodes = 0;
  const nameMax = 255;
  for (const value of [BLOCK, BLOCK, blocks, room, room, inodes, inodes, inodes, 0, 0, nameMax]) reply.uint64(value);
  return reply.end();
}

/** `~` and `~name` are the principal's home, the root of the view; other people's homes cannot be told apart from none. */
function expandPath(raw: Buffer, name: string): Path {
  const text = raw.toString('utf8');
  const tilde = /^~([^/]*)(.*)$/s.exec(text);
  if (tilde === null) return resolvePath(ROOT, raw);
  if (tilde[1] !== '' && tilde[1] !== name) throw new VfsError('ENOENT', 'expand', '~');
  return resolvePath(ROOT, `/${tilde[2]}`);
}

function names(ids: Buffer, kind: 'user' | 'group', owner: string): Buffer {
  if (ids.length % 4 !== 0) throw new Malformed('a list of ids that is no list of numbers');
  const out: Buffer[] = [];
  for (let at = 0; at < ids.length; at += 4) {
    const name = Buffer.from(nameOfId(ids.readUInt32BE(at), kind, owner));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(name.length);
    out.push(length, name);
  }
  return Buffer.concat(out);
}
