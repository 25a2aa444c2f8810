import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { LocalDriver } from '../../mounts/local/local-driver.js';
import { noLog } from '../../src/core/log.js';
import { driverSuite } from '../conformance/driver.js';

driverSuite(
  test,
  async () => {
    const root = await mkdtemp(join(tmpdir(), 'isthmus-local-'));
    return {
      driver: new LocalDriver({ path: root, create: false }, noLog),
      cleanup: () => rm(root, { recursive: true, force: true }),
      leaveTemporary: () => writeFile(join(root, `${TEMPORARY_PREFIX}left`), 'half'),
    };
  },
  { requires: ['rename', 'copy', 'setattr', 'symlink', 'readlink', 'link', 'statfs', 'open', 'replace', 'purge'] },
);
