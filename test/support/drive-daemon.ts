import { MemoryDriver } from '../../mounts/memory.js';
import { mountDrive } from './mounted-drive.js';
import { alice, testNamespace } from './namespace.js';

/* A process that serves a drive until it is killed: `drive-daemon.js PATH`. */
const namespace = await testNamespace({ teardown() {} }, [{ at: '/m', driver: new MemoryDriver() }]);
await mountDrive(namespace.of(alice), { path: process.argv[2] ?? '' });
process.send?.('ready');
