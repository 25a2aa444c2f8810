import type { DriverKind } from '../mounts/driver.js';
import { type LayeredDriver, layered } from '../mounts/layers/index.js';
import type { MountConfig } from './config/config.js';
import { identity } from './config/identity.js';
import type { Logger } from './core/log.js';
import type { Meter } from './core/meter.js';
import type { Path } from './core/path.js';
import { makeDriver } from './storages.js';
import type { MountSpec } from './vfs/mount.js';

/** A mount with its driver in its layers. */
export interface LiveMount extends MountSpec {
  readonly at: Path;
  readonly driver: LayeredDriver;
  readonly kind: string;
}

/** The mounts of the configuration, alive; on a reload those that did not change keep their drivers. */
export class MountSet {
  readonly #kinds: readonly DriverKind[];
  readonly #log: Logger;
  readonly #meter: Meter;
  #mounts: readonly (LiveMount & { readonly same: string })[] = [];

  constructor(kinds: readonly DriverKind[], log: Logger, meter: Meter) {
    this.#kinds = kinds;
    this.#log = log;
    this.#meter = meter;
  }

  get all(): readonly LiveMount[] {
    return this.#mounts;
  }

  /**
   * Makes what the configuration asks for and not more: no storage is touched.
   * @returns the drivers that are no longer in use; the caller closes them once nobody sees them
   * @throws StartError when a driver refuses; then nothing has changed
   */
  replace(configs: readonly MountConfig[]): readonly LayeredDriver[] {
    const before = this.#mounts;
    const made: LayeredDriver[] = [];
    const make = (config: MountConfig) => {
      const driver = this.#make(config);
      made.push(driver);
      return driver;
    };
    try {
      this.#mounts = configs.map((config) => {
        const { at, readOnly, driver: kind, options, credentials } = config;
        const same = identity([kind, options, credentials]);
        const kept = before.find((mount) => mount.at === at && mount.same === same);
        return { at, readOnly, audience: config.for, driver: kept?.driver ?? make(config), kind, same };
      });
    } catch (error) {
      for (const driver of made) void driver.close().catch(() => {});
      throw error;
    }
    const used = new Set(this.#mounts.map(({ driver }) => driver));
    return before.map(({ driver }) => driver).filter((driver) => !used.has(driver));
  }

  #make(config: MountConfig): LayeredDriver {
    const driver = makeDriver(this.#kinds, config, config.at, this.#log);
    return layered(driver, { mount: config.at, meter: this.#meter, log: this.#log });
  }
}
