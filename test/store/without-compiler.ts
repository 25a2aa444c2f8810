/** A host on which better-sqlite3 was not compiled: opens the store named on the command line and says what carries it. */
import Module from 'node:module';
import { noLog } from '../../src/core/log.js';

const loader = Module as unknown as { _load(request: string, ...rest: readonly unknown[]): unknown };
const load = loader._load;
loader._load = (request, ...rest) => {
  if (request === 'better-sqlite3') throw new Error('Could not locate the bindings file');
  return load(request, ...rest);
};

const { openStore } = await import('../../src/store/store.js');
const store = await openStore({ file: process.argv[2]!, log: noLog });
await store.settings.set('by', store.engine);
process.send?.(store.settings.get('by'));
await store.close();
