import { createHash } from 'node:crypto';
import { S3Driver } from '../../../mounts/s3/driver.js';
import type { Bytes } from '../../../src/core/bytes.js';
import { noLog } from '../../../src/core/log.js';
import { parsePath } from '../../../src/core/path.js';
import { Secret } from '../../../src/core/secret.js';

/*
 * A process of its own that puts and gets one gigabyte and prints, as JSON, by how many bytes its resident memory rose
 * at most, and whether the content came back.
 */

const { ENDPOINT = '', BUCKET = '', ACCESS_KEY = '', SECRET_KEY = '' } = process.env;
const MIB = 1024 * 1024;
const driver = new S3Driver(
  {
    endpoint: ENDPOINT,
    region: 'us-east-1',
    bucket: BUCKET,
    prefix: '',
    pathStyle: true,
    partSize: 8 * MIB,
    connections: 16,
  },
  { credentials: { user: ACCESS_KEY, password: new Secret(SECRET_KEY) }, log: noLog },
);
const big = parsePath('/big');
const chunk = Buffer.alloc(256 * 1024, 'isthmus');
const sent = createHash('sha256');
const received = createHash('sha256');

async function* gigabyte(): Bytes {
  for (let at = 0; at < 4096; at++) {
    chunk.writeUInt32LE(at);
    sent.update(chunk);
    yield chunk;
  }
}

/** By how much memory rose at most while `action` ran. */
async function rise(action: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 10);
  await action();
  clearInterval(timer);
  return most - before;
}

const put = await rise(() => driver.put(big, gigabyte(), { size: 1024 * MIB }));
const get = await rise(async () => {
  for await (const piece of await driver.get(big)) received.update(piece);
});
await driver.unlink(big);
await driver.close();
console.log(JSON.stringify({ put, get, same: sent.digest('hex') === received.digest('hex') }));
