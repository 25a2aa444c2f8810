import type { Driver } from '../../mounts/driver.js';
import type { Principal } from '../auth/principal.js';
import { BlockMemory } from '../cache/read-ahead.js';
import type { Staging } from '../cache/staging.js';
import type { Logger } from '../core/log.js';
import type { Meter } from '../core/meter.js';
import { ROOT } from '../core/path.js';
import type { LockTable, PropertyTable } from '../store/tables.js';
import { Changes } from './changes.js';
import { maySee } from './grants.js';
import { LockSpace } from './lock-table.js';
import { type Mount, type MountSpec, makeMount } from './mount.js';
import { NamespaceView } from './namespace-view.js';
import type { ContentContext } from './open-content.js';
import { OpenFiles } from './open-files.js';
import { Tree } from './tree.js';
import type { View } from './view.js';
import type { Views } from './views.js';

export interface NamespaceOptions {
  readonly mounts: readonly MountSpec[];
  /** Makes the driver, in its layers, of a user's home; called once per user. */
  readonly home: (user: string) => Driver;
  readonly locks: LockTable;
  readonly properties: PropertyTable;
  readonly staging: Staging;
  /** Name of this node. */
  readonly node: string;
  readonly log: Logger;
  readonly meter: Meter;
}

/** What the views of one node share. */
export interface Shared {
  readonly locks: LockSpace;
  readonly properties: PropertyTable;
  readonly files: OpenFiles;
  readonly changes: Changes;
  readonly content: ContentContext;
  readonly log: Logger;
}

/** All mounts of a node, and the views on them. */
export class Namespace implements Views {
  readonly #shared: Shared;
  readonly #home: (user: string) => Driver;
  readonly #homes = new Map<string, Mount>();
  #mounts: readonly Mount[];
  /** Grows whenever a view made earlier must look at the mounts again. */
  #version = 0;

  constructor(options: NamespaceOptions) {
    this.#home = options.home;
    this.#mounts = options.mounts.map((spec) => makeMount(spec));
    const conflicts = options.meter.counter('isthmus_conflicts_total', 'Conflict copies made', ['mount']);
    const changes = new Changes();
    this.#shared = {
      locks: new LockSpace(options.locks),
      properties: options.properties,
      files: new OpenFiles(options.log),
      changes,
      log: options.log,
      content: {
        staging: options.staging,
        memory: new BlockMemory(),
        changes,
        node: options.node,
        onConflict: (mount, path, copy) => {
          conflicts.add([mount.at]);
          options.log.warn({ mount: mount.at, path, copy }, 'changed at the storage meanwhile: ours kept as a copy');
        },
      },
    };
  }

  of(principal: Principal): View {
    let seen = -1;
    let tree: Tree | undefined;
    const current = () => {
      if (tree === undefined || seen !== this.#version) tree = this.tree(principal);
      seen = this.#version;
      return tree;
    };
    return new NamespaceView(principal, current, this.#shared);
  }

  /** The mounts that a principal sees, the home first. */
  tree(principal: Principal): Tree {
    const mounts = this.#mounts.filter((mount) => mount.at !== ROOT && maySee(principal, mount).allowed);
    return new Tree(this.#homeOf(principal.name), mounts);
  }

  /** Every mount, whoever may see it, the homes that were used included. */
  get mounts(): readonly Mount[] {
    return [...this.#mounts, ...this.#homes.values()];
  }

  /**
   * Puts other mounts in the place of those there are (a reload). One that stays is given by the same driver object:
   * its number, and what is open on it, stay too. The caller settles and closes the drivers that went.
   */
  replaceMounts(specs: readonly MountSpec[]): void {
    this.#mounts = specs.map((spec) => {
      const same = this.#mounts.find((mount) => mount.driver === spec.driver && mount.at === spec.at);
      if (same === undefined) return makeMount(spec);
      same.readOnly = spec.readOnly;
      same.audience = spec.audience;
      return same;
    });
    this.#version++;
  }

  /** Puts what programs are writing through drivers that went to their storages; a failure is logged. */
  settle(gone: readonly Driver[], signal: AbortSignal): Promise<void> {
    return this.#shared.files.settle(new Set(gone), signal);
  }

  /** Ends the locks whose time is over. @returns how many */
  purgeLocks(): Promise<number> {
    return this.#shared.locks.purge();
  }

  /** Contents that are open through shared handles now. */
  get openFiles(): number {
    return this.#shared.files.size;
  }

  #homeOf(user: string): Mount {
    let home = this.#homes.get(user);
    if (home === undefined) {
      home = makeMount({ at: ROOT, driver: this.#home(user), readOnly: false }, `home:${user}`);
      this.#homes.set(user, home);
    }
    return home;
  }
}
