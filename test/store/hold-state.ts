/** A process that takes a state folder and keeps it until it is killed, or says why it may not. */
import { lockState } from '../../src/store/state-lock.js';
import { StoreError } from '../../src/store/store-error.js';

try {
  const lock = lockState(process.argv[2]!, process.argv[3] as 'libsql' | undefined);
  process.send?.('held');
  setInterval(() => lock.folder, 1000); // an unreachable connection is closed by the garbage collector
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  process.send?.(error.message, () => process.exit(error.exitCode));
}
