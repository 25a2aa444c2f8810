import { VfsError } from '../../../core/errors.js';
import { typeOf } from '../attributes.js';
import { FIRST_CHILD, OpenDirectory } from '../directories.js';
import { type Dirent, direntSize, encodeDirent, encodeDirentPlus, UNKNOWN_NODE } from '../protocol/directory.js';
import { HEADER_OUT, S_IFDIR } from '../protocol/numbers.js';
import { encodeOpen } from '../protocol/replies.js';
import { decodeHandle, decodeRead } from '../protocol/requests.js';
import { OUT_SIZE, type Request } from '../request.js';
import type { Volume } from '../volume.js';
import type { Operation } from './operation.js';

export const opendir: Operation = (request, volume) => {
  const inode = volume.inodes.get(request.header.node);
  const directory = new OpenDirectory(inode, (signal) => volume.view.list(volume.path(inode), { live: true, signal }));
  request.reply(encodeOpen(request.out, HEADER_OUT, volume.directories.add(directory), 0));
};

async function list(request: Request, volume: Volume, plus: boolean): Promise<void> {
  const { handle, offset, size } = decodeRead(request.message, request.header);
  const directory = volume.directories.get(handle);
  const { signal } = request;
  // The listing outlives the request, but not a caller that is killed while the storage keeps it waiting.
  const interrupt = () => directory.interrupt();
  signal.addEventListener('abort', interrupt, { once: true });
  await directory.inTurn(async () => {
    if (signal.aborted) throw new VfsError('ECANCELED', 'list', '');
    await directory.seek(offset).finally(() => signal.removeEventListener('abort', interrupt));
    fill(request, volume, directory, offset, Math.min(size, OUT_SIZE - HEADER_OUT), plus);
  });
}

/** Packs what fits and is at hand, and answers. An empty answer ends the listing. */
function fill(
  request: Request,
  volume: Volume,
  directory: OpenDirectory,
  offset: number,
  size: number,
  plus: boolean,
): void {
  const { out } = request;
  const { inode } = directory;
  let at = HEADER_OUT;
  for (let place = offset; ; place++) {
    const node = place < FIRST_CHILD ? undefined : directory.at(place);
    if (place >= FIRST_CHILD && node === undefined) break;
    const name = node?.name ?? (place === 0 ? '.' : '..');
    if (at + direntSize(name, plus) > HEADER_OUT + size) break;
    const type = node === undefined ? S_IFDIR : typeOf(node.kind);
    if (node === undefined || !plus) {
      const known =
        node !== undefined ? volume.inodes.child(inode, name) : place === 0 ? inode : (inode.names[0]?.parent ?? inode);
      const entry: Dirent = { name, node: known?.id ?? UNKNOWN_NODE, next: place + 1, type };
      at = plus ? encodeDirentPlus(out, at, entry, undefined, 0, { entry: 0, attr: 0 }) : encodeDirent(out, at, entry);
      continue;
    }
    const child = volume.inodes.bind(inode, name, node);
    child.lookups++;
    const entry: Dirent = { name, node: child.id, next: place + 1, type };
    at = encodeDirentPlus(out, at, entry, volume.attr(child, node), 0, volume.validity(request.since, child));
  }
  request.reply(at);
}

export const readdir: Operation = (request, volume) => list(request, volume, false);
export const readdirplus: Operation = (request, volume) => list(request, volume, true);

export const releasedir: Operation = async (request, volume) => {
  await volume.directories.remove(decodeHandle(request.message, request.header));
  request.ok();
};

/** FSYNCDIR: names are durable when the request that made them is answered. */
export const fsyncdir: Operation = (request) => request.ok();
