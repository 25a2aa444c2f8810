import type { GenericSchema } from 'valibot';
import { checkValue, dataAt } from './check-value.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { nearest } from './nearest.js';
import { DRIVERS_NOT_YET } from './schema.js';
import { hasKey } from './schema-tree.js';

/** What the configuration must know of a driver; rows of mounts/index.ts have this shape. */
export interface DriverOptions {
  readonly name: string;
  readonly options: GenericSchema;
}

/** Places in the configuration that name a driver. */
export function storagePaths(data: unknown): KeyPath[] {
  const mounts = dataAt(data, ['mounts']);
  const paths: KeyPath[] = Array.isArray(mounts) ? mounts.map((_, index) => ['mounts', index]) : [];
  if (dataAt(data, ['homes']) !== undefined) paths.unshift(['homes']);
  return paths;
}

/**
 * Checks the options of every storage with its driver's own schema.
 * @returns the checked options by position: `homes`, `mounts[0]` … as `storagePaths` gives them
 */
export function checkDrivers(document: ConfigDocument, kinds: readonly DriverOptions[]): ReadonlyMap<string, unknown> {
  const checked = new Map<string, unknown>();
  const data = document.toData();
  for (const path of storagePaths(data)) {
    const name = dataAt(data, [...path, 'driver']);
    if (typeof name !== 'string') continue;
    const kind = kinds.find((row) => row.name === name);
    if (kind === undefined) {
      document.add([...path, 'driver'], unknownDriver(name, kinds));
      continue;
    }
    const options = dataAt(data, [...path, 'options']);
    // valibot's record takes a list for a map; anything else is told by the configuration's own schema.
    if (Array.isArray(options)) document.add([...path, 'options'], 'must be a map of keys, not a list');
    if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) continue;
    const value = checkValue(document, kind.options, [...path, 'options']);
    checked.set(path.join('.'), path[0] === 'homes' ? withCreate(kind.options, value, options) : value);
    if (path[0] === 'homes' && Object.keys(options ?? {}).length > 0 && !JSON.stringify(options).includes('%u')) {
      document.add(
        [...path, 'options'],
        'names the same place for every user; put "%u", the login name, into one of them',
      );
    }
  }
  return checked;
}

/** The folder of a home is made when its user first comes, unless the configuration says otherwise. */
function withCreate(schema: GenericSchema, value: unknown, written: unknown): unknown {
  const asks = hasKey(schema, 'create') && dataAt(written, ['create']) === undefined;
  return asks && typeof value === 'object' ? { ...value, create: true } : value;
}

function unknownDriver(name: string, kinds: readonly DriverOptions[]): string {
  const names = kinds.map((row) => row.name);
  const list = `the drivers are ${names.join(', ')}`;
  if (DRIVERS_NOT_YET.includes(name)) return `the driver "${name}" is not available yet; ${list}`;
  const near = nearest(name, names);
  return `unknown driver "${name.slice(0, 40)}"; ${near === undefined ? list : `did you mean "${near}"?`}`;
}
