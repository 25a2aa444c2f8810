import type { DriverKind } from './driver.js';

/** Every kind of storage, by its name in the configuration. */
export function driverKinds(): readonly DriverKind<never>[] {
  return [];
}
