import { constants } from 'node:fs';
import { isVfsError, VfsError } from '../../../core/errors.js';
import type { Handle } from '../../../vfs/handle.js';
import type { Node } from '../../../vfs/view.js';
import { shownGid, shownUid, storedGid, storedUid } from '../attributes.js';
import type { Inode } from '../inodes.js';
import { contentOf } from '../open-files.js';
import { HEADER_OUT, O_ACCMODE, OpenFlag, S_IFMT, S_IFREG } from '../protocol/numbers.js';
import { ENTRY_SIZE, encodeEntry, encodeOpen } from '../protocol/replies.js';
import type { Header } from '../protocol/requests.js';
import { decodeCreate, decodeLink, decodeMkdir, decodeMknod, decodeSymlink } from '../protocol/requests.js';
import type { Volume } from '../volume.js';
import { replyEntry } from './lookup.js';
import type { Operation } from './operation.js';

/** What a new node must be given so that it belongs to whoever made it; undefined where it does, or cannot. */
function ownerToSet(node: Node, { uid, gid }: Header, volume: Volume) {
  // A file that is not at the storage yet has no owner, but has a mode where the storage has permissions.
  if (node.mode === undefined || process.geteuid?.() !== 0) return undefined;
  const { owner } = volume;
  const same = shownUid(node.uid, owner) === uid && shownGid(node.gid, owner) === gid;
  return same ? undefined : { uid: storedUid(uid, owner), gid: storedGid(gid, owner) };
}

async function own(handle: Handle, node: Node, header: Header, volume: Volume): Promise<Node> {
  const owner = ownerToSet(node, header, volume);
  return owner === undefined ? node : handle.setattr(owner).catch(keepsItsOwn(node));
}

/** A storage whose account may not give files away owns them itself, as an NFS server that squashes root does. */
function keepsItsOwn(node: Node): (error: unknown) => Node {
  return (error) => {
    if (isVfsError(error, 'EACCES', 'EPERM', 'ENOTSUP')) return node;
    throw error;
  };
}

async function ownPath(parent: Inode, name: string, node: Node, header: Header, volume: Volume): Promise<Node> {
  const owner = ownerToSet(node, header, volume);
  if (owner === undefined) return node;
  const path = volume.childPath(parent, Buffer.from(name)).path;
  return volume.view.setattr(path, owner, { origin: volume.origin }).catch(keepsItsOwn(node));
}

/** CREATE: open(2) with O_CREAT, the look-up included. */
export const create: Operation = async (request, volume) => {
  const { header, message } = request;
  const parent = volume.inodes.get(header.node);
  const asked = decodeCreate(message, header);
  const { name, path } = volume.childPath(parent, asked.name);
  const access = asked.flags & O_ACCMODE;
  const handle = await volume.view.open(path, {
    read: access !== constants.O_WRONLY,
    write: true,
    create: true,
    exclusive: (asked.flags & constants.O_EXCL) !== 0,
    truncate: (asked.flags & constants.O_TRUNC) !== 0,
    mode: asked.mode,
    sharing: 'shared',
    origin: volume.origin,
    signal: request.signal,
  });
  try {
    const node = await own(handle, await handle.stat(), header, volume);
    const inode = volume.inodes.bind(parent, name, node);
    const number = volume.files.add({ inode, handle, writable: true });
    inode.cached = contentOf(node);
    inode.lookups++;
    encodeEntry(request.out, HEADER_OUT, volume.attr(inode, node), 0, volume.validity(request.since, inode));
    request.reply(encodeOpen(request.out, HEADER_OUT + ENTRY_SIZE, number, OpenFlag.KEEP_CACHE));
  } catch (error) {
    await handle.close();
    throw error;
  }
};

/** MKNOD: regular files only; sockets, pipes and devices are nothing that a storage keeps. */
export const mknod: Operation = async (request, volume) => {
  const { header, message } = request;
  const parent = volume.inodes.get(header.node);
  const asked = decodeMknod(message, header);
  const { name, path } = volume.childPath(parent, asked.name);
  const type = asked.mode & S_IFMT;
  if (type !== 0 && type !== S_IFREG) throw new VfsError('EPERM', 'mknod', path);
  const handle = await volume.view.open(path, {
    write: true,
    create: true,
    exclusive: true,
    mode: asked.mode & 0o7777,
    sharing: 'shared',
    origin: volume.origin,
    signal: request.signal,
  });
  try {
    await own(handle, await handle.stat(), header, volume);
    const node = await handle.commit({ signal: request.signal });
    replyEntry(request, volume, volume.inodes.bind(parent, name, node), node);
  } finally {
    await handle.close();
  }
};

export const mkdir: Operation = async (request, volume) => {
  const { header, message, signal } = request;
  const { origin, view } = volume;
  const parent = volume.inodes.get(header.node);
  const asked = decodeMkdir(message, header);
  const { name, path } = volume.childPath(parent, asked.name);
  let node = await view.mkdir(path, { origin, signal });
  if (node.mode !== undefined && node.mode !== asked.mode) {
    node = await view.setattr(path, { mode: asked.mode }, { origin, signal });
  }
  node = await ownPath(parent, name, node, header, volume);
  replyEntry(request, volume, volume.inodes.bind(parent, name, node), node);
};

export const symlink: Operation = async (request, volume) => {
  const { header, message, signal } = request;
  const parent = volume.inodes.get(header.node);
  const asked = decodeSymlink(message, header);
  const target = asked.target.toString();
  if (Buffer.compare(Buffer.from(target), asked.target) !== 0) {
    throw new VfsError('EINVAL', 'symlink', '', { detail: 'the target is not valid UTF-8' });
  }
  const { name, path } = volume.childPath(parent, asked.name);
  const node = await volume.view.symlink(path, target, { origin: volume.origin, signal });
  replyEntry(request, volume, volume.inodes.bind(parent, name, node), node);
};

/** LINK: the second name is the same node. What is still uncommitted goes to the storage first, which links it there. */
export const link: Operation = async (request, volume) => {
  const { header, message, signal } = request;
  const parent = volume.inodes.get(header.node);
  const asked = decodeLink(message, header);
  const inode = volume.inodes.get(asked.existing);
  const { name, path } = volume.childPath(parent, asked.name);
  if (inode.writers > 0) await volume.files.on(inode)?.handle.commit({ signal });
  const node = await volume.at(inode, (existing) =>
    volume.view.link(existing, path, { origin: volume.origin, signal }),
  );
  volume.inodes.link(inode, parent, name, node);
  replyEntry(request, volume, inode, node);
};
