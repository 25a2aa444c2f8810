import test from 'ava';
import * as v from 'valibot';
import type { DriverContext } from '../../mounts/driver.js';
import { S3Driver } from '../../mounts/s3/driver.js';
import { type S3Options, s3Options } from '../../mounts/s3/options.js';
import { S3Client } from '../../mounts/s3/requests.js';
import { noLog } from '../../src/core/log.js';
import { ROOT } from '../../src/core/path.js';
import { Secret } from '../../src/core/secret.js';
import { driverSuite } from '../conformance/driver.js';
import { type S3Server, startRadosgw } from '../servers/radosgw.js';
import { startSwift } from '../servers/swift.js';

const servers = new Map<string, S3Server>();
const starters = { radosgw: startRadosgw, swift: startSwift };
const where = { op: 'test', path: ROOT };

test.before(async () => {
  for (const [name, start] of Object.entries(starters)) {
    const server = await start();
    servers.set(name, server);
    await client(server, {}).run({ method: 'PUT' }, where);
  }
});
test.after.always(async () => {
  for (const server of servers.values()) await server.stop();
});

let prefixes = 0;
for (const name of Object.keys(starters)) {
  driverSuite(
    test,
    async () => {
      const server = servers.get(name)!;
      const prefix = `suite ${prefixes++}`;
      return {
        driver: new S3Driver(options(server, { prefix }), context(server)),
        cleanup: async () => {},
        leaveTemporary: async () => {
          const request = { method: 'POST' as const, key: `${prefix}/left`, query: { uploads: '' } };
          await client(server, {}).run(request, where);
        },
      };
    },
    { prefix: name, requires: ['rename', 'copy', 'setattr', 'purge'], listing: name === 'swift' ? 1200 : 10_000 },
  );
}

function options(server: S3Server, more: Partial<S3Options>): S3Options {
  return v.parse(s3Options, { endpoint: server.endpoint, region: server.region, bucket: 'bucket', ...more });
}

function context(server: S3Server): DriverContext {
  return { credentials: { user: server.accessKey, password: new Secret(server.secretKey) }, log: noLog };
}

function client(server: S3Server, more: Partial<S3Options>): S3Client {
  return new S3Client(options(server, more), context(server).credentials);
}
