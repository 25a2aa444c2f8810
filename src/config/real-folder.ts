import { readFileSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** As Linux (path_resolution(7)). */
const MOST_LINKS = 40;
/** File systems where another program or host answers. */
const FOREIGN = /^(fuse|nfs|cifs|smb|9p|ceph|afs|autofs|gluster|lustre)/;

/**
 * The path with its symbolic links followed; what is not there yet stays as it is written.
 *
 * Nothing at or below one of `foreign` is touched, and no more is asked of a folder than whether it is a link: a
 * configuration is read again while the daemon serves, and who waits for the own drive, or for a dead host, waits for ever.
 */
export function realFolder(path: string, foreign: ReadonlySet<string>): string {
  const names = path.split('/');
  let real = '/';
  for (let links = 0; ; ) {
    const name = names.shift();
    if (name === undefined) return real;
    if (name === '..') real = dirname(real);
    if (name === '' || name === '.' || name === '..') continue;
    const next = join(real, name);
    const target = foreign.has(next) ? 'unknown' : linkAt(next);
    if (target === 'unknown') return join(next, ...names);
    if (target === undefined) real = next;
    else {
      if (++links > MOST_LINKS) return join(next, ...names);
      names.unshift(...target.link.split('/'));
      if (target.link.startsWith('/')) real = '/';
    }
  }
}

/** Undefined: something that is no link. */
function linkAt(path: string): { readonly link: string } | undefined | 'unknown' {
  try {
    return { link: readlinkSync(path) };
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EINVAL' ? undefined : 'unknown';
  }
}

/** Where another program or host answers for a folder of this host: our own drive is one of those. */
export function foreignFolders(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const line of mountInfo().split('\n')) {
    const fields = line.split(' ');
    const [target, type] = [fields[4], fields[fields.indexOf('-', 6) + 1]];
    if (target === undefined || type === undefined || !FOREIGN.test(type)) continue;
    found.add(target.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
  }
  return found;
}

function mountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}
