import { resolve, sep } from 'node:path';
import { type DriverOptions, storagePaths } from './check-drivers.js';
import { dataAt } from './check-value.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { formatKey } from './problem.js';
import { hostPathKeys } from './schema-tree.js';

/**
 * Refuses a daemon that would use its own drive: a thread that waits for a file there waits for itself. So no folder
 * that we read or write may lie in a drive, and no drive in a folder that we serve. Nor may the state folder, with its
 * keys and its database, lie in one that we serve.
 */
export function checkDrives(document: ConfigDocument, folder: string, kinds: readonly DriverOptions[]): void {
  const data = document.toData();
  const pathAt = (key: KeyPath): string | undefined => {
    const value = dataAt(data, key);
    // Of homes, what they all lie in.
    return typeof value === 'string' && value !== '' ? resolve(folder, value.replace(/%u.*$/, '')) : undefined;
  };
  const served = storagePaths(data).flatMap((storage) => {
    const kind = kinds.find(({ name }) => name === dataAt(data, [...storage, 'driver']));
    return kind === undefined ? [] : hostPathKeys(kind.options).map((key) => [...storage, 'options', key]);
  });
  const state = pathAt(['node', 'state']) ?? resolve(folder, 'data');
  for (const key of served) {
    if (within(state, pathAt(key))) {
      document.add(key, 'holds node.state, with its keys and its database; choose a folder that does not');
    }
  }
  const list = dataAt(data, ['drives']);
  const drives = Array.isArray(list) ? list.map((_, index) => pathAt(['drives', index, 'path'])) : [];
  for (const [index, drive] of drives.entries()) {
    if (drive === undefined) continue;
    for (const key of [['node', 'state'], ['cache', 'path'], ...served]) {
      const path = pathAt(key);
      if (path !== undefined && within(path, drive)) {
        document.add(key, `lies in drives[${index}], which the daemon itself serves; choose a folder outside of it`);
      }
    }
    const around = served.find((key) => within(drive, pathAt(key)));
    if (around !== undefined) {
      document.add(
        ['drives', index, 'path'],
        `lies in ${formatKey(around)}, which is served; choose a folder outside of it`,
      );
    }
  }
}

function within(path: string, folder: string | undefined): boolean {
  return folder !== undefined && (path === folder || path.startsWith(folder === sep ? sep : `${folder}${sep}`));
}
