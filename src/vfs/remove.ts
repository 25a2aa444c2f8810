import type { Call } from '../core/bytes.js';
import { isVfsError } from '../core/errors.js';
import { join, type Path } from '../core/path.js';
import { inParallel } from './in-parallel.js';
import type { Mount } from './mount.js';
import type { OpenFiles } from './open-files.js';

const AT_ONCE = 8;

/** Removes a file, or a folder from the leaves up. What somebody else removed meanwhile is no error. */
export async function removeTree(files: OpenFiles, mount: Mount, path: Path, call: Call): Promise<void> {
  const { driver } = mount;
  const entry = await driver.stat(path, call);
  if (entry.kind !== 'directory') return files.removing(mount, path, () => driver.unlink(path, call));
  await removeFolder(files, mount, path, call);
}

async function removeFolder(files: OpenFiles, mount: Mount, folder: Path, call: Call): Promise<void> {
  const { driver } = mount;
  for (const content of files.newIn(mount, folder)) await files.removing(mount, content.path, async () => {});
  // The whole listing first: a storage may not take well to a folder that shrinks while it is read.
  const children = [];
  for await (const page of driver.list(folder, call)) children.push(...page);
  await inParallel(children, AT_ONCE, async (child) => {
    const path = join(folder, child.name);
    if (child.kind === 'directory') return removeFolder(files, mount, path, call);
    await files.removing(mount, path, () => driver.unlink(path, call)).catch(ignoreMissing);
  });
  await driver.rmdir(folder, call).catch(ignoreMissing);
}

function ignoreMissing(error: unknown): void {
  if (!isVfsError(error, 'ENOENT')) throw error;
}
