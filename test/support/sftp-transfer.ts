import { readFileSync } from 'node:fs';
import { SftpDriver } from '../../mounts/sftp/driver.js';
import type { Bytes } from '../../src/core/bytes.js';
import { noLog } from '../../src/core/log.js';
import { parsePath } from '../../src/core/path.js';
import { Secret } from '../../src/core/secret.js';

/*
 * A program: puts or gets `/large` of so many bytes at an SFTP server and prints, as JSON, what it took. Argument: the
 * settings below as JSON.
 */

interface Settings {
  readonly direction: 'put' | 'get';
  readonly bytes: number;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** File of the private key. */
  readonly key: string;
  readonly fingerprint: string;
  readonly path: string;
}

const settings = JSON.parse(process.argv[2]!) as Settings;
const { host, port, path, fingerprint } = settings;
const driver = new SftpDriver(
  { host, port, path, hostKeys: [fingerprint], knownHosts: undefined, connections: 4 },
  {
    credentials: { user: settings.user, privateKey: new Secret(readFileSync(settings.key, 'utf8')) },
    log: noLog,
  },
);
const large = parsePath('/large');
const chunk = Buffer.alloc(256 * 1024, 'isthmus ');

async function* content(): Bytes {
  for (let left = settings.bytes; left > 0; left -= chunk.length) yield chunk.subarray(0, Math.min(left, chunk.length));
}

let peak = 0;
const sampling = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);
const before = process.cpuUsage();
const began = performance.now();
let bytes = 0;
if (settings.direction === 'put') bytes = (await driver.put(large, content(), { size: settings.bytes })).size;
else for await (const piece of await driver.get(large)) bytes += piece.length;
const seconds = (performance.now() - began) / 1000;
const { user, system } = process.cpuUsage(before);
clearInterval(sampling);
await driver.close();
process.stdout.write(`${JSON.stringify({ bytes, seconds, cpu: (user + system) / 1e6, peak })}\n`);
