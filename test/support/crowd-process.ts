import { readFileSync } from 'node:fs';
import { noLog } from '../../src/core/log.js';
import { noMeter } from '../../src/core/meter.js';
import { HttpListener } from '../../src/frontends/http/listener.js';
import { SftpServer } from '../../src/frontends/sftp/server.js';
import { health } from '../../src/frontends/web/health.js';
import { alice, testNamespace } from './namespace.js';

/*
 * The HTTP listener and the SFTP front end in a process of their own, with the caps they have in the daemon, but with
 * such patience that a slow test machine does not empty them. Arguments: a file for the host key, a file with the password of alice.
 * Prints `web=… sftp=…`; ends at SIGTERM.
 */
const [hostKey, passwordFile] = process.argv.slice(2);
if (hostKey === undefined || passwordFile === undefined) throw new Error('arguments');
const password = readFileSync(passwordFile, 'utf8');
const patience = 600_000;
const teardowns: (() => Promise<void>)[] = [];
const web = new HttpListener({
  listen: { host: '127.0.0.1', port: 0 },
  trustedProxies: [],
  routes: health({ ready: () => ({ ready: true, lines: [] }) }),
  meter: noMeter,
  log: noLog,
  limits: { headersTimeout: patience, idleTimeout: patience },
});
const sftp = new SftpServer({
  listen: { host: '127.0.0.1', port: 0 },
  hostKeys: [],
  defaultHostKey: hostKey,
  auth: {
    password: async (name, given) => (name === alice.name && given.reveal() === password ? alice : undefined),
    publicKey: async () => undefined,
    current: async (principal) => principal,
  },
  views: await testNamespace({ teardown: (act) => teardowns.unshift(act) }),
  meter: noMeter,
  log: noLog,
  limits: { graceSeconds: patience / 1000 },
});
process.once('SIGTERM', () => void stop());
console.log(`web=${await web.start()} sftp=${await sftp.start()}`);

async function stop(): Promise<void> {
  const deadline = Date.now() + 60_000;
  await Promise.all([web.stop(deadline), sftp.stop(deadline)]);
  for (const act of teardowns) await act();
  process.exit(0);
}
