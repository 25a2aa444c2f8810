import { VfsError } from '../core/errors.js';
import { StartError } from '../core/start-error.js';

/** Why the database, or the state folder, cannot be used. */
export type StoreReason =
  | 'damaged'
  | 'foreign'
  | 'newer'
  | 'full'
  | 'unwritable'
  | 'missing'
  | 'busy'
  | 'key'
  | 'failed';

/** The state cannot be opened. The message is one line that says what is wrong and what to do; nothing was deleted. */
export class StoreError extends StartError {
  override readonly name = 'StoreError';
  readonly reason: StoreReason;

  constructor(reason: StoreReason, message: string, options?: ErrorOptions) {
    super(message, 1, options);
    this.reason = reason;
  }
}

/** An SQLite result code as text (`SQLITE_FULL`), or a code of Node; empty when there is none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : '';
}

/**
 * Says why opening `file` failed.
 * @param error  what SQLite or the file system threw; a StoreError passes unchanged
 */
export function openingError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const options = { cause: error };
  if (code.startsWith('SQLITE_CORRUPT')) return damaged(file, messageOf(error), options);
  if (code === 'SQLITE_NOTADB')
    return new StoreError(
      'damaged',
      `${file}: not a database; put a backup in its place, or move it away to begin empty`,
      options,
    );
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT')
    return new StoreError('full', `${file}: no space left; free some and start again`, options);
  if (code.startsWith('SQLITE_READONLY') || code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new StoreError(
      'unwritable',
      `${file}: not writable; give the file and its folder to the user that runs isthmus`,
      options,
    );
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new StoreError('busy', `${file}: in use by another process; end that one and start again`, options);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new StoreError('missing', `${file}: its folder does not exist; create it`, options);
  return new StoreError('failed', `${file}: cannot be opened: ${messageOf(error)}`, options);
}

export function damaged(file: string, what: string, options?: ErrorOptions): StoreError {
  return new StoreError(
    'damaged',
    `${file}: the database is damaged (${what}); put a backup in its place, or recover it with: sqlite3 ${file} .recover`,
    options,
  );
}

/** Turns what SQLite threw during `op` into a VfsError. */
export function fromSqlite(error: unknown, op: string): VfsError {
  if (error instanceof VfsError) return error;
  const code = codeOf(error);
  const options = { cause: error };
  if (code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY')
    return new VfsError('EEXIST', op, 'database', options);
  if (code === 'SQLITE_CONSTRAINT_FOREIGNKEY') return new VfsError('ENOENT', op, 'database', options);
  if (code === 'SQLITE_FULL')
    return new VfsError('ENOSPC', op, 'database', { ...options, detail: 'no space left where the database lies' });
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED'))
    return new VfsError('EUNAVAILABLE', op, 'database', { ...options, detail: 'another process holds the database' });
  return new VfsError('EIO', op, 'database', options);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
}
