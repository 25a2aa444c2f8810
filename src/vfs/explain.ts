import type { Principal } from '../auth/principal.js';
import { isWithin, type Path } from '../core/path.js';
import { type Decision, mayChange, maySee } from './grants.js';
import type { Namespace } from './namespace.js';

/** What a principal may do at a path, and what decided it. */
export interface Explanation {
  readonly user: string;
  readonly path: Path;
  readonly mount: { readonly at: Path; readonly driver: string; readonly home: boolean; readonly inner: Path };
  readonly read: Decision;
  readonly write: Decision;
  /** Locks in the way of a change, without their tokens. */
  readonly locks: readonly { readonly path: Path; readonly holder: string; readonly until: string }[];
  /** Mounts at or above the path that are not for this principal. */
  readonly hidden: readonly { readonly at: Path; readonly because: string }[];
}

/** Answers `isthmus explain USER PATH`: no storage is asked. */
export function explain(namespace: Namespace, principal: Principal, path: Path): Explanation {
  const tree = namespace.tree(principal);
  const { mount, inner } = tree.locate(path);
  const locks = namespace.of(principal).locksOn(path);
  const read = maySee(principal, mount);
  const change = mayChange(mount);
  const foreign = locks.find(({ holder }) => holder !== principal.name);
  return {
    user: principal.name,
    path,
    mount: { at: mount.at, driver: mount.driver.traits.kind, home: mount === tree.home, inner },
    read,
    write:
      change.allowed && foreign !== undefined
        ? { allowed: false, because: `${foreign.holder} holds a lock on ${foreign.path}` }
        : change,
    locks: locks.map(({ path: on, holder, expires }) => ({
      path: on,
      holder,
      until: new Date(expires).toISOString(),
    })),
    hidden: namespace.mounts
      .filter(({ at, space }) => !space.startsWith('home:') && isWithin(path, at))
      .map((one) => ({ at: one.at, because: maySee(principal, one) }))
      .filter(({ because }) => !because.allowed)
      .map(({ at, because }) => ({ at, because: because.because })),
  };
}
