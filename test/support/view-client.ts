import { type Path, parsePath } from '../../src/core/path.js';
import type { Handle } from '../../src/vfs/handle.js';
import type { Node, View } from '../../src/vfs/view.js';
import type { ClientFile, ClientStat, FileClient } from '../conformance/files.js';

/** A view as the files suite sees it, as the drive would use it: shared handles and a live tree. */
export function viewClient(view: View, root: Path): FileClient {
  const at = (path: string) => parsePath(`${root}${path}`);
  return {
    async open(path, { append, ...mode }) {
      const handle = await view.open(at(path), { ...mode, sharing: 'shared' });
      return viewFile(handle, append === true);
    },
    stat: async (path) => shown(await view.stat(at(path), { live: true })),
    async list(path) {
      const names: string[] = [];
      for await (const page of view.list(at(path), { live: true })) names.push(...page.map(({ name }) => name));
      return names;
    },
    mkdir: async (path) => {
      await view.mkdir(at(path));
    },
    rmdir: (path) => view.rmdir(at(path)),
    unlink: (path) => view.unlink(at(path)),
    rename: (from, to) => view.rename(at(from), at(to)),
    async truncate(path, size) {
      const handle = await view.open(at(path), { write: true, sharing: 'shared' });
      try {
        await handle.truncate(size);
        await handle.commit();
      } finally {
        await handle.close();
      }
    },
    setTimes: async (path, mtime) => {
      await view.setattr(at(path), { mtime });
    },
    chmod: async (path, mode) => {
      await view.setattr(at(path), { mode });
    },
    symlink: async (path, target) => {
      await view.symlink(at(path), target);
    },
    readlink: (path) => view.readlink(at(path)),
    link: async (existing, path) => {
      await view.link(at(existing), at(path));
    },
    async statfs(path) {
      const { total = 0, free = 0 } = await view.statfs(at(path));
      return { total, free };
    },
  };
}

function viewFile(handle: Handle, append: boolean): ClientFile {
  return {
    async read(position, length) {
      const into = Buffer.alloc(length);
      let filled = 0;
      while (filled < length) {
        const more = await handle.read(position + filled, into.subarray(filled));
        if (more === 0) break;
        filled += more;
      }
      return into.subarray(0, filled);
    },
    write: async (position, bytes) => handle.write(append ? (await handle.stat()).size : position, bytes),
    truncate: (size) => handle.truncate(size),
    stat: async () => shown(await handle.stat()),
    sync: async () => {
      await handle.commit();
    },
    async close() {
      try {
        await handle.commit();
      } finally {
        await handle.close();
      }
    },
  };
}

function shown(node: Node): ClientStat {
  const { kind, size, mtime, mode, links } = node;
  return { kind, size, mtime, ...(mode !== undefined && { mode }), ...(links !== undefined && { links }) };
}
