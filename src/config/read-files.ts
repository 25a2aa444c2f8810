import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { storagePaths } from './check-drivers.js';
import { dataAt } from './check-value.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { formatKey } from './problem.js';

/** Longest secret, key or certificate chain. */
const MAX_BYTES = 1_048_576;

/**
 * Reads every file that the configuration names: `file:PATH` in credentials, certificates, keys. What cannot be read
 * goes to the document's problems.
 * @returns contents by key, such as `web.tls.cert`
 */
export function readFiles(document: ConfigDocument, folder: string): ReadonlyMap<string, string> {
  const data = document.toData();
  const contents = new Map<string, string>();
  const take = (key: KeyPath, path: string): void => {
    const content = read(resolve(folder, path));
    if (typeof content === 'string') contents.set(formatKey(key), content);
    else document.add(key, `${path} ${content.why}`);
  };
  const text = (key: KeyPath): string | undefined => {
    const value = dataAt(data, key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  for (const storage of storagePaths(data)) {
    for (const field of ['password', 'privateKey']) {
      const key = [...storage, 'credentials', field];
      const value = text(key);
      if (value?.startsWith('file:')) take(key, value.slice(5));
    }
  }
  const hostKeys = dataAt(data, ['sftp', 'hostKeys']);
  const keys: KeyPath[] = Array.isArray(hostKeys) ? hostKeys.map((_, index) => ['sftp', 'hostKeys', index]) : [];
  for (const key of [['web', 'tls', 'cert'], ['web', 'tls', 'key'], ...keys]) {
    const value = text(key);
    if (value !== undefined) take(key, value.replace(/^file:/, ''));
  }
  return contents;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist; create it or name another file',
  EACCES: 'may not be read by this account; change its owner or mode',
  EISDIR: 'is a folder; name a file',
  ENOTDIR: 'lies below something that is not a folder',
};

/** One newline at the end belongs to the editor, not to the secret. */
function read(path: string): string | { readonly why: string } {
  try {
    const info = statSync(path);
    if (info.isDirectory()) return { why: REASONS.EISDIR! };
    if (info.size > MAX_BYTES) return { why: 'is larger than 1 MiB; it cannot be right' };
    const content = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    return content === '' ? { why: 'is empty' } : content;
  } catch (error) {
    const { code = 'EIO' } = error as NodeJS.ErrnoException;
    return { why: REASONS[code] ?? `cannot be read (${code})` };
  }
}
