import { constants } from 'node:fs';
import { copyFile, readFully, writeFully } from './system.js';

const CHUNK = 1024 * 1024;

/**
 * Copies the content of one open file over that of another, an empty one: shared blocks where the file system can
 * (btrfs, XFS), else piece by piece, so that `check` may end it by throwing.
 */
export async function copyContent(from: number, to: number, check: () => void): Promise<void> {
  try {
    await copyFile(`/proc/self/fd/${from}`, `/proc/self/fd/${to}`, constants.COPYFILE_FICLONE_FORCE);
  } catch {
    await copyRange(from, to, 0, Number.POSITIVE_INFINITY, check);
  }
}

/** Copies the bytes `[start, end)`, or up to the end of the file where that comes first. */
export async function copyRange(
  from: number,
  to: number,
  start: number,
  end: number,
  check: () => void,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(0, end - start)));
  for (let at = start; at < end; ) {
    check();
    const count = await readFully(from, buffer.subarray(0, Math.min(CHUNK, end - at)), at);
    if (count === 0) return;
    await writeFully(to, [buffer.subarray(0, count)], at);
    at += count;
  }
}
