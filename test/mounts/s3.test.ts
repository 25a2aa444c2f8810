import test from 'ava';
import { driverSuite } from '../conformance/driver.js';
import { startRadosgw } from '../servers/radosgw.js';
import { startSwift } from '../servers/swift.js';
import { Bucket } from './s3/bucket.js';

const starters = { radosgw: startRadosgw, swift: startSwift };
const buckets = new Map<string, Bucket>();

test.before(async () => {
  for (const [name, start] of Object.entries(starters)) buckets.set(name, await Bucket.create(await start(), 'suite'));
});
test.after.always(async () => {
  for (const bucket of buckets.values()) {
    await bucket.close();
    await bucket.server.stop();
  }
});

let prefixes = 0;
for (const name of Object.keys(starters)) {
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
