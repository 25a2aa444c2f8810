import { VfsError } from '../../core/errors.js';
import type { ExtensionContext } from './extensions.js';
import { alone, type FileRef } from './open-files.js';

/** Bytes read and written at once. */
const STEP = 1024 * 1024;

/** `copy-data` (draft-ietf-secsh-filexfer-extensions-00 §7). A length of 0 means up to the end of the file. */
export interface CopyDataRequest {
  readonly from: FileRef;
  readonly start: number;
  readonly length: number;
  readonly to: FileRef;
  readonly at: number;
}

/**
 * Copies between two open files. A whole file into one that nothing was written to yet is copied inside the storage,
 * where it can; it then appears at once and whole. All else goes through here, piece by piece.
 */
export async function copyData(request: CopyDataRequest, context: ExtensionContext): Promise<void> {
  const { from, start, length, to, at } = request;
  if (!from.read || !to.write) throw new VfsError('EBADF', 'copy', from.file.path);
  if (!Number.isSafeInteger(start + length) || !Number.isSafeInteger(at + length)) {
    throw new VfsError('EINVAL', 'copy', from.file.path);
  }
  const { size } = await from.file.handle.stat();
  const end = length === 0 ? size : Math.min(size, start + length);
  if (from.file === to.file && start < at + (end - start) && at < end) {
    throw new VfsError('EINVAL', 'copy', from.file.path, { detail: 'the ranges overlap' });
  }
  if (start === 0 && at === 0 && end === size && !from.write && to.file.fresh && from.file !== to.file) {
    if (await copyInside(from, to, context)) return;
  }
  await alone(to.file, async () => {
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(STEP, end - start)));
    to.file.fresh = false;
    for (let done = 0; start + done < end; ) {
      if (context.signal.aborted) throw new VfsError('ECANCELED', 'copy', from.file.path);
      const want = buffer.subarray(0, Math.min(buffer.length, end - start - done));
      const got = await from.file.handle.read(start + done, want);
      if (got === 0) break;
      try {
        await to.file.handle.write(at + done, want.subarray(0, got));
      } catch (error) {
        to.file.broken ??= error;
        throw error;
      }
      done += got;
      to.file.written += got;
    }
  });
}

/** @returns whether it was done */
async function copyInside(from: FileRef, to: FileRef, context: ExtensionContext): Promise<boolean> {
  const { view, files, origin, signal } = context;
  // Only where the name still holds what the handle reads, and the target is empty or about to be.
  const [named, held, target] = await Promise.all([
    view.stat(from.file.path, { signal }).catch(() => undefined),
    from.file.handle.stat(),
    to.file.handle.stat(),
  ]);
  if (named === undefined || named.etag !== held.etag || named.size !== held.size || target.size !== 0) return false;
  await alone(to.file, async () => {
    await view.copy(from.file.path, to.file.path, { deep: false, origin });
    to.file.fresh = false;
    await files.reopen(to.file);
  });
  return true;
}
