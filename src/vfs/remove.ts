import type { Call } from '../core/bytes.js';
import type { Entry } from '../core/entry.js';
import { isVfsError, VfsError } from '../core/errors.js';
import { join, type Path } from '../core/path.js';
import { inParallel } from './in-parallel.js';
import type { Mount } from './mount.js';
import type { OpenFiles } from './open-files.js';

const AT_ONCE = 8;

/** Of a file or symbolic link, told just before it goes: whether it may. */
export type Removable = (path: Path, entry: Entry) => boolean;

/**
 * Removes a file, or a folder from the leaves up. What somebody else removed meanwhile is no error.
 * @param removable  absent: everything goes
 * @throws VfsError EBUSY at the first file that is not removable, or is being written
 */
export async function removeTree(
  files: OpenFiles,
  mount: Mount,
  path: Path,
  call: Call,
  removable?: Removable,
): Promise<void> {
  const entry = await mount.driver.stat(path, call);
  const removal = { files, mount, call, removable };
  await (entry.kind === 'directory' ? removeFolder(removal, path) : removeFile(removal, path));
}

interface Removal {
  readonly files: OpenFiles;
  readonly mount: Mount;
  readonly call: Call;
  readonly removable: Removable | undefined;
}

async function removeFile({ files, mount, call, removable }: Removal, path: Path): Promise<void> {
  const { driver } = mount;
  if (removable === undefined) return files.removing(mount, path, () => driver.unlink(path, call));
  const busy = () => new VfsError('EBUSY', 'remove', path, { detail: 'it was changed meanwhile' });
  if (files.get(mount, path)?.dirty) throw busy();
  await files.removing(mount, path, async () => {
    if (files.get(mount, path)?.dirty || !removable(path, await driver.stat(path, call))) throw busy();
    await driver.unlink(path, call);
  });
}

async function removeFolder(removal: Removal, folder: Path): Promise<void> {
  const { files, mount, call, removable } = removal;
  const { driver } = mount;
  // The whole listing first: a storage may not take well to a folder that shrinks while it is read.
  const children = [];
  for await (const page of driver.list(folder, call)) children.push(...page);
  await inParallel(children, AT_ONCE, async (child) => {
    const path = join(folder, child.name);
    if (child.kind === 'directory') return removeFolder(removal, path);
    await removeFile(removal, path).catch(ignoreMissing);
  });
  if (removable !== undefined && files.newIn(mount, folder).length > 0) {
    throw new VfsError('EBUSY', 'remove', folder, { detail: 'a file is being written in it' });
  }
  await driver.rmdir(folder, call).catch(ignoreMissing);
  // Last: whoever writes a file there must not lose it to a removal that fails.
  for (const content of files.newIn(mount, folder)) await files.removing(mount, content.path, async () => {});
}

function ignoreMissing(error: unknown): void {
  if (!isVfsError(error, 'ENOENT')) throw error;
}
