import { isAbsolute, resolve } from 'node:path';
import * as v from 'valibot';
import type { DriverKind } from '../driver.js';
import { LocalDriver, type LocalOptions } from './local-driver.js';

const options = v.strictObject({
  path: v.pipe(
    v.string(),
    v.nonEmpty('give the folder to serve'),
    v.check((path) => !path.includes('\0'), 'a path cannot hold NUL'),
    v.description('The folder to serve. Nothing outside it is ever reached. Relative to the configuration file.'),
    v.metadata({ hostPath: true }),
  ),
  create: v.optional(
    v.pipe(
      v.boolean(),
      v.description(
        'Make the folder (mode 0700, parents too) at the first use. A folder that vanishes later is not made again.',
      ),
    ),
    false,
  ),
});

/** A folder of this host. */
export const localKind: DriverKind<LocalOptions> = {
  name: 'local',
  options,
  create: ({ path, create }, { log }) =>
    new LocalDriver({ path: isAbsolute(path) ? path : resolve(path), create }, log),
};
