import type { Driver } from '../mounts/driver.js';
import { driverKinds } from '../mounts/index.js';
import { abilities } from './abilities.js';
import type { StorageReport } from './cli/hands.js';
import type { Config, StorageConfig } from './config/config.js';
import { inWordsWithCause } from './core/in-words.js';
import { noLog } from './core/log.js';
import { ROOT } from './core/path.js';
import { homeOf, makeDriver } from './storages.js';

/** How long a storage may take to answer, in ms. */
const PATIENCE = 10_000;

/** Makes every driver of a configuration, asks each storage for its root, and says what each can and cannot do. */
export async function reach(config: Config): Promise<readonly StorageReport[]> {
  return Promise.all([
    ask('homes', homeOf(config.homes, 'admin')),
    ...config.mounts.map((mount) => ask(mount.at, mount)),
  ]);
}

async function ask(at: string, storage: StorageConfig): Promise<StorageReport> {
  const driver = makeDriver(driverKinds(), storage, at, noLog);
  try {
    // What is made at its first use would be made now.
    const made = (storage.options as { readonly create?: unknown }).create === true;
    const reason = made ? undefined : await answerOf(driver);
    return { at, driver: storage.driver, reachable: reason === undefined, reason, ...abilities(driver) };
  } finally {
    // A storage that hangs must not keep the command: its connections end with the process.
    await Promise.race([driver.close().catch(() => {}), pause(1_000)]);
  }
}

async function answerOf(driver: Driver): Promise<string | undefined> {
  const call = new AbortController();
  const late = pause(PATIENCE).then(() => {
    call.abort();
    return `no answer within ${PATIENCE / 1000} s`;
  });
  return Promise.race([driver.stat(ROOT, { signal: call.signal }).then(() => undefined, inWordsWithCause), late]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
