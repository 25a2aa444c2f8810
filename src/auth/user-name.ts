import { VfsError } from '../core/errors.js';

/**
 * Checks a login name: 1 to 64 characters, letters, digits and `. _ - @` of ASCII, beginning with a letter or digit. It
 * becomes part of home paths, so nothing that means something in a path may pass (lesson 3).
 * @throws VfsError EINVAL
 */
export function parseUserName(raw: string): string {
  if (!isUserName(raw)) {
    throw new VfsError('EINVAL', 'user', raw.slice(0, 64).replace(/[^\x20-\x7e]/g, '?'), {
      detail: 'a user name has 1 to 64 letters, digits, or . _ - @, and begins with a letter or digit',
    });
  }
  return raw;
}

/** Whether `parseUserName` takes it. */
export function isUserName(raw: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(raw) && !raw.includes('..');
}
