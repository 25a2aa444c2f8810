import test from 'ava';
import { driverSuite } from '../conformance/driver.js';
import { s3Starters } from '../servers/s3.js';
import { Bucket } from './s3/bucket.js';

const starters = s3Starters();
const buckets = new Map<string, Bucket>();

test.before(async () => {
  for (const [name, start] of starters) buckets.set(name, await Bucket.create(await start(), 'suite'));
});
test.after.always(async () => {
  for (const bucket of buckets.values()) {
    await bucket.close();
    await bucket.server.stop();
  }
});

let prefixes = 0;
for (const name of starters.keys()) {
  driverSuite(
    test,
    async () => {
      const bucket = buckets.get(name)!;
      const prefix = `case ${prefixes++}`;
      return {
        driver: bucket.driver({ prefix }),
        cleanup: async () => {},
        leaveTemporary: async () => {
          await bucket.run({ method: 'POST', key: `${prefix}/left`, query: { uploads: '' } });
        },
      };
    },
    // Swift takes 10 ms for a put: 10,000 of them prove nothing more.
    { prefix: name, requires: ['rename', 'copy', 'setattr', 'purge'], listing: name === 'swift' ? 1200 : 10_000 },
  );
}
