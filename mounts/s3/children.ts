import type { Entry } from '../../src/core/entry.js';
import { VfsError } from '../../src/core/errors.js';
import { ROOT } from '../../src/core/path.js';
import type { Where } from './errors.js';
import { listPages, type Page } from './listing.js';
import type { Tree } from './tree.js';

/** The children of a folder, page by page. */
export async function* children(tree: Tree, where: Where): AsyncGenerator<readonly Entry[], void> {
  const { path } = where;
  const prefix = tree.keys.folder(path, where);
  const pages = listPages(tree.client, { prefix, delimiter: '/' }, where);
  const [file, first] = await Promise.all([tree.find(path, where), pages.next()]);
  if (file !== undefined) throw new VfsError('ENOTDIR', where.op, path);
  let page = first.done ? undefined : first.value;
  if (path !== ROOT && (page === undefined || isEmpty(page))) throw await tree.missing(path, where);
  let open: readonly string[] = [];
  while (page !== undefined) {
    const files = new Set<string>(open);
    const entries: Entry[] = [];
    for (const object of page.objects) {
      if (object.key === prefix) continue;
      files.add(object.key);
      const name = tree.keys.name(object.key.slice(prefix.length), object.key);
      if (name === undefined) continue;
      entries.push({ name, kind: 'file', size: object.size, mtime: tree.timeOf(object), etag: object.etag });
    }
    for (const below of page.prefixes) {
      const key = below.slice(0, -1);
      if (files.has(key)) tree.keys.clash(key);
      else {
        const name = tree.keys.name(key.slice(prefix.length), below);
        if (name !== undefined) entries.push(tree.folderNamed(name, below));
      }
    }
    if (page.unreadable > 0) tree.log.warn({ path, keys: page.unreadable }, 'keys that are not UTF-8 are left out');
    // Between a file and a folder of its name only names that begin with it can stand: these may yet clash.
    const last = lastOf(page);
    open = [...files].filter((key) => last.startsWith(key));
    yield entries;
    const next = await pages.next();
    page = next.done ? undefined : next.value;
  }
}

function isEmpty(page: Page): boolean {
  return page.objects.length === 0 && page.prefixes.length === 0 && page.unreadable === 0 && page.next === undefined;
}

function lastOf({ objects, prefixes }: Page): string {
  const [object, prefix] = [objects.at(-1)?.key ?? '', prefixes.at(-1) ?? ''];
  return object > prefix ? object : prefix;
}
