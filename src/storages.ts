import type { Driver, DriverKind } from '../mounts/driver.js';
import type { StorageConfig } from './config/config.js';
import type { Call } from './core/bytes.js';
import { type Logger, noLog } from './core/log.js';
import { StartError } from './core/start-error.js';

/**
 * Makes the driver that a part of the configuration asks for, bare of layers. The storage is not touched.
 * @param at  names it in messages
 * @throws StartError (78) when the driver refuses its options or credentials
 */
export function makeDriver(kinds: readonly DriverKind[], storage: StorageConfig, at: string, log: Logger): Driver {
  const kind = kinds.find(({ name }) => name === storage.driver);
  if (kind === undefined) throw new StartError(`${at}: there is no driver "${storage.driver}"`, 78);
  try {
    return kind.create(storage.options, { credentials: storage.credentials, log: log.child({ mount: at }) });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`${at} (${storage.driver}): ${why}`, 78, { cause });
  }
}

/** The storage of one user's home: `%u` in every text of the options is the login name, which has passed
 *  `parseUserName` and means nothing in a path (lesson 3). */
export function homeOf(homes: StorageConfig, user: string): StorageConfig {
  const options = Object.entries(homes.options as Record<string, unknown>).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replaceAll('%u', user) : value,
  ]);
  return { ...homes, options: Object.fromEntries(options) };
}

/**
 * Removes what a killed daemon left in a user's home that nobody has opened since; a home that is not there yet is not
 * made.
 * @param olderThan  ms since 1970
 */
export async function purgeHome(
  kinds: readonly DriverKind[],
  homes: StorageConfig,
  user: string,
  olderThan: number,
  call: Call | undefined,
): Promise<number> {
  const home = homeOf(homes, user);
  const options = { ...(home.options as object), ...(asksToCreate(home) && { create: false }) };
  const driver = makeDriver(kinds, { ...home, options }, `home of ${user}`, noLog);
  try {
    return (await driver.purge?.(olderThan, call)) ?? 0;
  } finally {
    await driver.close();
  }
}

function asksToCreate({ options }: StorageConfig): boolean {
  return (options as { readonly create?: unknown }).create === true;
}
