import { dirname, join, resolve } from 'node:path';
import { type DriverOptions, storagePaths } from './check-drivers.js';
import { dataAt } from './check-value.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { formatKey } from './problem.js';
import { foreignFolders, realFolder } from './real-folder.js';
import { hostPathKeys } from './schema-tree.js';

/** A folder or file of this host that the configuration names, or that is its default. */
interface Named {
  readonly key: KeyPath;
  /** Its real path, name by name; of homes those with `%u` are of every user. */
  readonly names: readonly (string | RegExp)[];
  /** Whether the file says it; a default has no line. */
  readonly written: boolean;
}

/**
 * Refuses a daemon that would use its own drive: a thread that waits for a file there waits for itself. So no folder
 * that we read or write may lie in a drive, and no drive in a folder that we serve. Nor may what is served hold, or lie
 * in, what is ours alone: keys would be given out, and who opens and closes the database's file in this process drops
 * the locks that SQLite holds on it (fcntl(2), "Record locks"). Links are followed, as far as this host decides them.
 */
export function checkFolders(document: ConfigDocument, folder: string, kinds: readonly DriverOptions[]): void {
  const data = document.toData();
  const foreign = foreignFolders();
  const at = (key: KeyPath, absent?: string): Named[] => {
    const value = dataAt(data, key);
    const written = typeof value === 'string' && value !== '';
    const path = written ? (key[0] === 'database' ? value.replace(/^sqlite:/, '') : value) : absent;
    return path === undefined ? [] : [{ key, written, names: namesOf(resolve(folder, path), key, foreign) }];
  };
  const stateText = dataAt(data, ['node', 'state']);
  const statePath = resolve(folder, typeof stateText === 'string' && stateText !== '' ? stateText : 'data');

  const [state] = at(['node', 'state'], statePath) as [Named];
  const database = at(['database'], join(statePath, 'isthmus.db'));
  const cache = at(['cache', 'path'], join(statePath, 'cache'));
  const served = storagePaths(data).flatMap((storage) => {
    const kind = kinds.find(({ name }) => name === dataAt(data, [...storage, 'driver']));
    return kind === undefined ? [] : hostPathKeys(kind.options).flatMap((key) => at([...storage, 'options', key]));
  });
  const defaultHomes =
    dataAt(data, ['homes']) === undefined ? at(['homes', 'options', 'path'], join(statePath, 'homes', '%u')) : [];
  const list = dataAt(data, ['drives']);
  const drives = Array.isArray(list)
    ? list.flatMap((_, index) => at(['drives', index, 'path']))
    : at(['drives', 0, 'path'], join(statePath, 'drive'));

  for (const { key, names } of served) {
    if (within(state.names, names)) {
      document.add(key, 'holds node.state, with its keys and its database; choose a folder that does not');
    } else if (within(names, state.names) && names[state.names.length] !== 'homes') {
      document.add(key, 'lies in node.state, with its keys and its database; choose a folder outside of it');
    }
    for (const ours of [...database, ...cache]) {
      const name = formatKey(ours.key);
      if (within(ours.names, names))
        document.add(key, `holds ${name}, which is not to be served; choose another folder`);
      else if (within(names, ours.names)) {
        document.add(key, `lies in ${name}, which is not to be served; choose a folder outside of it`);
      }
    }
  }
  for (const drive of drives) {
    const name = drive.written ? formatKey(drive.key.slice(0, -1)) : 'the drive';
    for (const { key, names, written } of [state, ...cache, ...database, ...served, ...defaultHomes]) {
      if (!within(names, drive.names)) continue;
      if (written) {
        document.add(key, `lies in ${name}, which the daemon itself serves; choose a folder outside of it`);
      } else document.add(drive.key, `holds ${formatKey(key)}, which the daemon itself needs; choose another folder`);
    }
    // The default lies in the state folder, of which that was told above.
    const around = drive.written && [...served, ...defaultHomes].find(({ names }) => within(drive.names, names));
    if (around) {
      const where = formatKey(around.key);
      document.add(drive.key, `lies in ${where}, which is served; choose a folder outside of it`);
    }
  }
}

function namesOf(path: string, key: KeyPath, foreign: ReadonlySet<string>): readonly (string | RegExp)[] {
  const split = (whole: string) => whole.split('/').filter((name) => name !== '');
  const index = key[0] === 'homes' ? path.indexOf('%u') : -1;
  if (index < 0) return split(realFolder(path, foreign));
  const fixed = dirname(`${path.slice(0, index)}x`);
  return [
    ...split(realFolder(fixed, foreign)),
    ...split(path.slice(fixed.length)).map((name) => (name.includes('%u') ? ofAnyUser(name) : name)),
  ];
}

function ofAnyUser(name: string): RegExp {
  const fixed = name.split('%u').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${fixed.join('.+')}$`, 's');
}

/** Whether `path` is `folder` or lies below it, for some user where either is of any. */
function within(path: Named['names'], folder: Named['names']): boolean {
  return folder.length <= path.length && folder.every((name, index) => mayBe(name, path[index]!));
}

function mayBe(one: string | RegExp, other: string | RegExp): boolean {
  if (typeof one !== 'string') return typeof other !== 'string' || one.test(other);
  return typeof other === 'string' ? one === other : other.test(one);
}
