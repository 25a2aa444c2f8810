import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import ssh2 from 'ssh2';
import { LocalDriver } from '../../mounts/local/local-driver.js';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { SftpServer } from '../../src/frontends/sftp/server.js';
import { alice, testNamespace } from './namespace.js';

/*
 * An SFTP front end in a process of its own, over a folder: for tests and measurements that look at the process.
 * Arguments: the folder, a public key file, a file for the host key, a port. Prints `ready sftp://…`.
 */
const [folder, keyFile, hostKey, port = '0'] = process.argv.slice(2);
if (folder === undefined || keyFile === undefined || hostKey === undefined) throw new Error('arguments');
const parsed = ssh2.utils.parseKey(readFileSync(keyFile));
if (parsed instanceof Error) throw parsed;
const known = digest(parsed.getPublicSSH());

const teardowns: (() => Promise<void>)[] = [];
const home = new LocalDriver({ path: folder, create: false }, noLog);
const server = new SftpServer({
  listen: { host: '127.0.0.1', port: Number(port) },
  hostKeys: [],
  defaultHostKey: hostKey,
  auth: {
    password: async () => undefined,
    publicKey: async (name, key) => (name === alice.name && digest(key) === known ? alice : undefined),
    current: async (principal) => principal,
  },
  views: await testNamespace({ teardown: (act) => teardowns.unshift(act) }, [], () => home),
  meter: noMeter,
  log: noLog,
});
process.once('SIGTERM', () => void stop());
console.log(`ready ${await server.start()}`);

async function stop(): Promise<void> {
  await server.stop(Date.now() + 1000);
  for (const act of teardowns) await act();
  process.exit(0);
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
