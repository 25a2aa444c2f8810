import { accessSync, chmodSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StartError } from './core/start-error.js';
import { shownPath } from './ready-line.js';

/**
 * Makes the state folder, mode 0700, and closes one that was open to others.
 * @throws StartError that names the folder and why it cannot be used
 */
export function prepareState(folder: string): void {
  const refuse = (why: string, cause?: unknown) =>
    new StartError(`node.state: ${shownPath(folder)} ${why}`, 1, { cause });
  try {
    make(folder);
    if (!statSync(folder).isDirectory()) throw refuse('is not a folder; name one that is, or that can be made');
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    if ((statSync(folder).mode & 0o077) !== 0) chmodSync(folder, 0o700);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const { code = '' } = error as NodeJS.ErrnoException;
    throw refuse(REASONS[code] ?? `cannot be made (${code})`, error);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'is not writable; give it to the account that runs isthmus',
  EPERM: 'belongs to another account; give it to the one that runs isthmus',
  EROFS: 'is on a file system that is read-only; name another folder',
  ENOSPC: 'cannot be made: the disk is full',
  ENOTDIR: 'lies below something that is not a folder',
};

/** Not `recursive: true`, which never comes back where folders cannot be made although nothing is in the way (/proc). */
function make(folder: string): void {
  if (existsSync(folder)) return;
  make(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}
