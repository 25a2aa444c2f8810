import { type Path, parsePath } from '../../core/path.js';

/** As in mounts/driver.ts: what drivers call their files in the making. Our own storages refuse such names. */
const TEMPORARY = '.isthmus-tmp-';
/** What such a name of a client is called here. */
const GUEST = '.isthmus-guest-tmp-';

/*
 * Another Isthmus that mounts this one uploads to a temporary name and renames it, as it does on any SFTP server. Below
 * us such names are reserved and would be refused, so they go by another name here; the client sees its own.
 */

export function fromGuest(path: Path): Path {
  return path.includes(`/${TEMPORARY}`) ? parsePath(path.replaceAll(`/${TEMPORARY}`, `/${GUEST}`)) : path;
}

/** A name, or a whole path, as the client knows it. */
export function toGuest(name: string): string {
  return name.includes(GUEST) ? name.replace(/(^|\/)\.isthmus-guest-tmp-/g, `$1${TEMPORARY}`) : name;
}
