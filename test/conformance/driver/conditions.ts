import { ROOT } from '../../../src/core/path.js';
import { body, type Case, leaves, path, pattern, readText, refused, text, write } from './case.js';

const a = path('/a');

/** `ifMatch` and `ifNoneMatch`. */
export const conditions: readonly Case[] = [
  {
    name: 'put with ifMatch replaces that content only',
    async run(t, { driver }) {
      const first = await write(driver, a, 'one');
      const second = await driver.put(a, text('two'), { ifMatch: first.etag });
      t.not(first.etag, second.etag);
      await refused(t, driver.put(a, text('three'), { ifMatch: first.etag }), 'EPRECONDITION');
      await refused(t, driver.put(a, body(pattern(3_000_000)), { ifMatch: first.etag }), 'EPRECONDITION');
      t.is(await readText(driver, a), 'two');
      await leaves(t, driver, ROOT, 'a');
    },
  },
  {
    name: 'put with ifMatch on nothing: EPRECONDITION, and nothing is made',
    async run(t, { driver }) {
      await refused(t, driver.put(a, text('x'), { ifMatch: 'abc' }), 'EPRECONDITION');
      await leaves(t, driver, ROOT);
    },
  },
  {
    name: 'put with ifNoneMatch creates only',
    async run(t, { driver }) {
      await driver.put(a, text('one'), { ifNoneMatch: '*' });
      await refused(t, driver.put(a, text('two'), { ifNoneMatch: '*' }), 'EPRECONDITION');
      await driver.mkdir(path('/folder'));
      await refused(t, driver.put(path('/folder'), text('x'), { ifNoneMatch: '*' }), 'EPRECONDITION', 'EISDIR');
      t.is(await readText(driver, a), 'one');
      await leaves(t, driver, ROOT, 'a', 'folder');
    },
  },
  {
    name: 'a content that changes while a conditional put is under way is not overwritten',
    async run(t, { driver }) {
      const { etag } = await write(driver, a, 'one');
      const slow = async function* () {
        yield pattern(100_000);
        await write(driver, a, 'somebody else');
        yield pattern(100_000);
      };
      await refused(t, driver.put(a, slow(), { ifMatch: etag }), 'EPRECONDITION');
      t.is(await readText(driver, a), 'somebody else');
      const b = path('/b');
      const slowNew = async function* () {
        yield pattern(100_000);
        await write(driver, b, 'somebody else');
        yield pattern(100_000);
      };
      await refused(t, driver.put(b, slowNew(), { ifNoneMatch: '*' }), 'EPRECONDITION');
      t.is(await readText(driver, b), 'somebody else');
    },
  },
  {
    name: 'where conditions are atomic, one of eight wins',
    async run(t, { driver }) {
      if (!driver.traits.atomicConditions) {
        t.pass();
        return;
      }
      const contend = async (condition: { ifMatch: string } | { ifNoneMatch: '*' }) => {
        const results = await Promise.allSettled(
          Array.from({ length: 8 }, (_, at) => driver.put(a, text(`writer ${at}`), condition)),
        );
        t.is(results.filter((result) => result.status === 'fulfilled').length, 1);
        const winner = results.findIndex((result) => result.status === 'fulfilled');
        t.is(await readText(driver, a), `writer ${winner}`);
      };
      await contend({ ifNoneMatch: '*' });
      await contend({ ifMatch: (await driver.stat(a)).etag });
    },
  },
];
