import type { Call } from '../../src/core/bytes.js';
import { refuseFired } from '../../src/core/cancel.js';
import type { Entry } from '../../src/core/entry.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import type { Logger } from '../../src/core/log.js';
import { join, type Path, parseName, ROOT } from '../../src/core/path.js';
import { TEMPORARY_PREFIX } from '../driver.js';
import { entryOf, kindOf } from './attributes.js';
import { type Line, type Pool, Weight } from './pool.js';
import { ConnectionLost, type ListedName } from './session.js';
import { locate, remote, translate } from './translate.js';
import { until } from './until.js';

/** READDIRs under way: OpenSSH answers with 100 names, and a far server would take one round trip for each hundred. */
const AHEAD = 4;

/** The children of a folder, in the pages that the server gives. */
export async function* pages(
  pool: Pool,
  path: Path,
  call: Call | undefined,
  log: Logger,
): AsyncGenerator<readonly Entry[]> {
  for await (const names of listed(pool, path, call, 'list')) {
    const page: Entry[] = [];
    let refused = 0;
    for (const { name, attrs } of names) {
      if (isDots(name)) continue;
      const checked = nameFrom(name);
      if (checked === undefined) refused++;
      else if (!checked.startsWith(TEMPORARY_PREFIX)) {
        const entry = entryOf(checked, attrs);
        if (entry !== undefined) page.push(entry);
      }
    }
    if (refused > 0) log.warn({ path, refused }, 'sftp: names that are no valid UTF-8 or no names were left out');
    if (page.length > 0) yield page;
  }
}

/** Removes temporary files older than `olderThan` from every folder below the root. Links are not followed. */
export async function purgeBelow(pool: Pool, olderThan: number, call: Call | undefined, log: Logger): Promise<number> {
  let purged = 0;
  const folders: Path[] = [ROOT];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      for await (const names of listed(pool, folder, call, 'purge')) {
        for (const { name, attrs } of names) {
          const checked = isDots(name) ? undefined : nameFrom(name);
          if (checked === undefined) continue;
          const kind = kindOf(attrs);
          if (kind === 'directory') folders.push(join(folder, checked));
          else if (checked.startsWith(TEMPORARY_PREFIX) && (attrs.mtime ?? 0) * 1000 < olderThan) {
            const path = join(folder, checked);
            await pool.use(Weight.call, (line) => line.session.remove(remote(line, path)));
            purged++;
          }
        }
      }
    } catch (error) {
      // A folder that is gone, or closed to us, does not keep the others from being cleaned.
      if (folder === ROOT || !isVfsError(error, 'ENOENT', 'EACCES', 'ENOTDIR', 'ENAMETOOLONG')) {
        throw await translate(error, { op: 'purge', path: folder });
      }
      log.debug({ path: folder, code: error.code }, 'sftp: folder left out of the purge');
    }
  }
  return purged;
}

async function* listed(
  pool: Pool,
  path: Path,
  call: Call | undefined,
  op: string,
): AsyncGenerator<readonly ListedName[]> {
  const { line, handle, release } = await openFolder(pool, path, call, op);
  const { session } = line;
  const ahead: Promise<ListedName[] | undefined>[] = [];
  let over = false;
  const finish = (): void => {
    if (over) return;
    over = true;
    call?.signal?.removeEventListener('abort', finish);
    session.close(handle).catch(() => {});
    release();
  };
  // Between two pages nobody else would notice, and the folder would stay open at the server.
  call?.signal?.addEventListener('abort', finish);
  try {
    for (;;) {
      refuseFired(call, op, path);
      while (ahead.length < AHEAD) {
        const next = session.readdir(handle);
        next.catch(() => {});
        ahead.push(next);
      }
      const names = await until(ahead.shift()!, call, op, path);
      if (names === undefined) return;
      yield await complete(line, path, names);
    }
  } catch (error) {
    throw await translate(error, { op, path }, line);
  } finally {
    finish();
  }
}

async function openFolder(pool: Pool, path: Path, call: Call | undefined, op: string) {
  for (let attempt = 1; ; attempt++) {
    const leasing = pool.lease(Weight.call);
    const lease = await until(leasing, call, op, path, (late) => late.release()).catch(async (error: unknown) => {
      throw await translate(error, { op, path });
    });
    const { line, release } = lease;
    try {
      const where = await locate(line, path, op);
      // OPENDIR follows links, so what stands there is asked with it.
      const opening = line.session.opendir(where);
      opening.catch(() => {});
      const looking = line.session.lstat(where);
      const both = looking.then(async (attrs) => ({ attrs, handle: await opening }));
      const drop = (): void => void opening.then((handle) => line.session.close(handle)).catch(() => {});
      both.catch(drop);
      const { attrs, handle } = await until(both, call, op, path, drop);
      if (kindOf(attrs) === 'directory') return { line, handle, release };
      drop();
      throw new VfsError('ENOTDIR', op, path);
    } catch (error) {
      release();
      if (error instanceof ConnectionLost && !error.sent && attempt < 3) continue;
      const translated = await translate(error, { op, path }, line);
      // What is there and cannot be opened as a folder is none.
      const isOther = isVfsError(translated, 'ENOENT') && (await isThere(line, remote(line, path)));
      throw isOther ? new VfsError('ENOTDIR', op, path, { cause: error }) : translated;
    }
  }
}

async function isThere({ session }: Line, where: string): Promise<boolean> {
  return session.lstat(where).then(
    () => true,
    () => false,
  );
}

/** Asks for the attributes that a server did not send along. */
async function complete(line: Line, path: Path, names: readonly ListedName[]): Promise<readonly ListedName[]> {
  if (names.every(({ attrs }) => attrs.mode !== undefined)) return names;
  const asked = names.map(async (listedName): Promise<ListedName | undefined> => {
    const name = isDots(listedName.name) ? undefined : nameFrom(listedName.name);
    if (name === undefined || listedName.attrs.mode !== undefined) return listedName;
    try {
      return { name: listedName.name, attrs: await line.session.lstat(remote(line, join(path, name))) };
    } catch (error) {
      if (error instanceof ConnectionLost) throw error;
      return undefined; // gone since
    }
  });
  return (await Promise.all(asked)).filter((listedName) => listedName !== undefined);
}

function isDots(name: Buffer): boolean {
  const text = name.length <= 2 ? name.toString('latin1') : '';
  return text === '.' || text === '..';
}

/** What a server lists is untrusted (lesson 21). */
function nameFrom(name: Buffer): string | undefined {
  try {
    return parseName(name);
  } catch {
    return undefined;
  }
}
