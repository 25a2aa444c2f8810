import test from 'ava';
import { MemoryDriver } from '../../mounts/memory.js';
import { filesSuite } from '../conformance/files.js';
import { alice, p, testNamespace, wholeBodies } from '../support/namespace.js';
import { viewClient } from '../support/view-client.js';

for (const [prefix, wrap] of [
  ['view on memory', (driver: MemoryDriver) => driver],
  ['view on whole bodies', wholeBodies],
] as const) {
  filesSuite(
    test,
    async (t) => {
      const namespace = await testNamespace(t, [{ at: '/m', driver: wrap(new MemoryDriver()) }]);
      return { client: viewClient(namespace.of(alice), p('/m')), cleanup: async () => {} };
    },
    { prefix, features: ['shared', 'append', 'permissions', 'times', 'symlinks', 'hardLinks'] },
  );
}
