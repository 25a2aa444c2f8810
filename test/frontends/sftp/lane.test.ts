import test from 'ava';
import fc from 'fast-check';
import { parsePath } from '../../../src/core/path.js';
import { Lane, type Outcome } from '../../../src/frontends/sftp/lane.js';
import { PathOrder } from '../../../src/frontends/sftp/path-order.js';

/** Work that ends when it is told. */
function controlled(): { work: () => Promise<string>; end(value?: string): void; fail(): void; started: boolean } {
  let resolve: (value: string) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const self = {
    started: false,
    work: () => {
      self.started = true;
      return new Promise<string>((yes, no) => {
        resolve = yes;
        reject = no;
      });
    },
    end: (value = 'done') => resolve(value),
    fail: () => reject(new Error('failed')),
  };
  return self;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const read = (start: number, end: number) => ({ start, end, writes: false });
const write = (start: number, end: number) => ({ start, end, writes: true });

test('answers leave in the order of the requests, failures too', async (t) => {
  const lane = new Lane();
  const seen: string[] = [];
  const note = (name: string) => (outcome: Outcome<string>) => {
    seen.push('error' in outcome ? `${name} failed` : name);
  };
  const [first, second, third] = [controlled(), controlled(), controlled()];
  lane.run(read(0, 10), first.work, note('first'));
  lane.run(read(10, 20), second.work, note('second'));
  lane.run(read(20, 30), third.work, note('third'));
  t.true(first.started && second.started && third.started, 'reads run side by side');
  third.end();
  second.fail();
  await turn();
  t.deepEqual(seen, []);
  first.end();
  await turn();
  t.deepEqual(seen, ['first', 'second failed', 'third']);
});

test('what overlaps a write waits for it, what does not runs beside it', async (t) => {
  const lane = new Lane();
  const [one, beside, over, look] = [controlled(), controlled(), controlled(), controlled()];
  const quiet = () => {};
  lane.run(write(0, 100), one.work, quiet);
  lane.run(write(100, 200), beside.work, quiet);
  lane.run(write(50, 150), over.work, quiet);
  lane.run(read(0, 10), look.work, quiet);
  t.deepEqual([one.started, beside.started, over.started, look.started], [true, true, false, false]);
  one.end();
  await turn();
  t.deepEqual([over.started, look.started], [false, true], 'the later write waits for both it overlaps');
  beside.end();
  await turn();
  t.true(over.started);
});

test('however long each takes, the file is as if they ran one after another', async (t) => {
  const operation = fc.record({
    start: fc.nat({ max: 20 }),
    length: fc.integer({ min: 1, max: 8 }),
    writes: fc.boolean(),
    delay: fc.nat({ max: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 20 }), async (operations) => {
      const expected = new Uint8Array(32);
      const wanted = operations.map(({ start, length, writes }, index) => {
        if (writes) expected.fill(index + 1, start, start + length);
        return writes ? '' : expected.slice(start, start + length).join();
      });
      const file = new Uint8Array(32);
      const lane = new Lane();
      const answers: string[] = [];
      for (const [index, { start, length, writes, delay }] of operations.entries()) {
        const work = async () => {
          for (let i = 0; i < delay; i++) await turn();
          if (!writes) return file.slice(start, start + length).join();
          file.fill(index + 1, start, start + length);
          return '';
        };
        lane.run({ start, end: start + length, writes }, work, (outcome) => {
          answers.push('value' in outcome ? outcome.value : 'error');
        });
      }
      while (answers.length < operations.length) await turn();
      t.deepEqual(answers, wanted);
      t.deepEqual(file, expected);
    }),
    { numRuns: 100 },
  );
});

test('a STAT behind a CLOSE of the same path waits, one of another path or of the folder does not', async (t) => {
  const order = new PathOrder();
  const [close, same, other, folder] = [controlled(), controlled(), controlled(), controlled()];
  const file = parsePath('/folder/file');
  const all = [
    order.run([file], true, close.work),
    order.run([file], false, same.work),
    order.run([parsePath('/folder/file-2')], false, other.work),
    order.run([parsePath('/folder')], false, folder.work),
  ];
  await turn();
  t.deepEqual([close.started, same.started, other.started, folder.started], [true, false, true, true]);
  close.fail();
  await t.throwsAsync(all[0] as Promise<string>);
  await turn();
  t.true(same.started, 'also when the CLOSE failed');
  for (const one of [same, other, folder]) one.end();
  await Promise.all(all.slice(1));
});

test('two changes of which one lies below the other run one after another', async (t) => {
  const order = new PathOrder();
  const [remove, rmdir] = [controlled(), controlled()];
  const all = [
    order.run([parsePath('/folder/file')], true, remove.work),
    order.run([parsePath('/folder')], true, rmdir.work),
  ];
  await turn();
  t.false(rmdir.started);
  remove.end();
  await all[0];
  await turn();
  t.true(rmdir.started);
  rmdir.end();
  await all[1];
});
