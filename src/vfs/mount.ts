import type { Driver } from '../../mounts/driver.js';
import type { Entry } from '../core/entry.js';
import type { Path } from '../core/path.js';

/** Whom a mount is for; absent: everyone. */
export interface Audience {
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/** What the configuration says of a mount, with its driver in its layers. */
export interface MountSpec {
  readonly at: Path;
  readonly driver: Driver;
  readonly readOnly: boolean;
  readonly audience?: Audience | undefined;
}

/** A storage at its place in the namespace. */
export interface Mount {
  /** Names it in the tables of locks and properties, through restarts: `mount:/at` or `home:NAME`. */
  readonly space: string;
  readonly at: Path;
  readonly driver: Driver;
  /** This and the next may change when the configuration is read again. */
  readOnly: boolean;
  audience: Audience | undefined;
  /** See Node.device. */
  readonly device: number;
  /** The root as it was last seen, so that the mount point shows while the storage is away. */
  lastRoot: Entry;
}

let devices = 0;

/** Gives a mount its place and number. */
export function makeMount(spec: MountSpec, space = `mount:${spec.at}`): Mount {
  return {
    space,
    at: spec.at,
    driver: spec.driver,
    readOnly: spec.readOnly,
    audience: spec.audience,
    device: ++devices,
    lastRoot: { name: '', kind: 'directory', size: 0, mtime: Date.now(), etag: '' },
  };
}
