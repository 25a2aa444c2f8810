import { collect } from '../../../src/core/bytes.js';
import { isVfsError } from '../../../src/core/errors.js';
import { ROOT } from '../../../src/core/path.js';
import {
  agrees,
  body,
  type Case,
  eachOf,
  MiB,
  path,
  pattern,
  read,
  readText,
  refused,
  sameBytes,
  sameEntry,
  write,
} from './case.js';

const a = path('/a');

/** What is put is what is got, whole and in ranges. */
export const content: readonly Case[] = [
  {
    name: 'content brings its entry along where the traits say so, and only there',
    async run(t, { driver }) {
      await driver.put(a, body(pattern(100)), { size: 100 });
      const content = await driver.get(a, { start: 10, end: 20 });
      await collect(content);
      t.is(content.entry !== undefined, driver.traits.entryWithContent === true);
      if (content.entry !== undefined) sameEntry(t, content.entry, await driver.stat(a));
    },
  },
  {
    name: 'files of every size come back byte for byte',
    async run(t, { driver, options }) {
      for (const size of [0, 1, 4095, 65535, 65536, 65537, MiB - 1, MiB, MiB + 1, options.large ?? 17 * MiB]) {
        const bytes = pattern(size, size);
        const where = path(`/size-${size}`);
        const entry = await driver.put(where, body(bytes), { size });
        t.is(entry.kind, 'file');
        t.is(entry.size, size);
        t.is(entry.name, `size-${size}`);
        t.not(entry.etag, '');
        sameEntry(t, await driver.stat(where), entry);
        sameBytes(t, await read(driver, where), bytes, `${size} bytes`);
      }
    },
  },
  {
    name: 'a body of chunks of any size, empty ones too, without a size said',
    async run(t, { driver }) {
      const bytes = pattern(300_000, 3);
      const sizes = [0, 1, 7, 0, 65535, 65536, 100_000, 1, 0];
      const entry = await driver.put(
        a,
        (async function* () {
          let at = 0;
          for (const size of sizes) {
            yield Uint8Array.from(bytes.subarray(at, at + size));
            at += size;
          }
          yield Uint8Array.from(bytes.subarray(at));
        })(),
      );
      t.is(entry.size, bytes.length);
      sameBytes(t, await read(driver, a), bytes);
    },
  },
  {
    name: 'chunks of a body are at most 1 MiB, and belong to the receiver',
    async run(t, { driver }) {
      const bytes = pattern(3 * MiB + 17, 4);
      await write(driver, a, bytes);
      for await (const chunk of await driver.get(a)) {
        t.true(chunk.length > 0 && chunk.length <= MiB, `${chunk.length}`);
        chunk.fill(0);
      }
      sameBytes(t, await read(driver, a), bytes);
    },
  },
  {
    name: 'ranges: [start, end), cut at the end, empty at the end, ERANGE past it',
    async run(t, { driver }) {
      const bytes = pattern(2 * MiB + 5, 5);
      const size = bytes.length;
      await write(driver, a, bytes);
      const ranges: readonly [number, number?][] = [
        [0, 1],
        [1, 2],
        [0, size],
        [65535, 65537],
        [MiB - 1, MiB + 1],
        [123_456, 1_654_321],
        [size - 1, size],
        [size - 10, size + 10],
        [5, 5],
        [0, 0],
        [size, size],
        [size, size + 5],
        [size - 3],
        [size],
      ];
      for (const [start, end] of ranges) {
        const range = end === undefined ? { start } : { start, end };
        sameBytes(t, await read(driver, a, range), bytes.subarray(start, end), `[${start}, ${end})`);
      }
      sameBytes(t, await collect(await driver.get(a, { end: 10 })), bytes.subarray(0, 10), 'no start');
      await refused(t, driver.get(a, { start: size + 1 }), 'ERANGE');
      await refused(t, driver.get(a, { start: size + 1, end: size + 2 }), 'ERANGE');
    },
  },
  {
    name: 'ranges of an empty file',
    async run(t, { driver }) {
      await write(driver, a, '');
      t.is((await read(driver, a, { start: 0 })).length, 0);
      t.is((await read(driver, a, { start: 0, end: 10 })).length, 0);
      await refused(t, driver.get(a, { start: 1 }), 'ERANGE');
    },
  },
  {
    name: 'get with ifMatch',
    async run(t, { driver }) {
      const { etag } = await write(driver, a, 'old');
      t.is((await collect(await driver.get(a, { ifMatch: etag }))).toString(), 'old');
      await write(driver, a, 'new!');
      await refused(t, driver.get(a, { ifMatch: etag }), 'EPRECONDITION');
    },
  },
  {
    name: 'overwriting changes content and etag, also for the same length and the same bytes twice over',
    async run(t, { driver }) {
      const first = await write(driver, a, 'one');
      const second = await write(driver, a, 'two');
      t.is(await readText(driver, a), 'two');
      t.not(first.etag, second.etag);
      await write(driver, a, 'a longer one');
      t.is(await readText(driver, a), 'a longer one');
      await write(driver, a, 's');
      t.is(await readText(driver, a), 's');
      await write(driver, a, '');
      t.is(await readText(driver, a), '');
      await agrees(t, driver, ROOT);
    },
  },
  {
    name: 'get resolves only once open: ENOENT and EISDIR come before the first byte',
    async run(t, { driver }) {
      await driver.mkdir(path('/folder'));
      await refused(t, driver.get(a), 'ENOENT');
      await refused(t, driver.get(path('/folder')), 'EISDIR');
      await refused(t, driver.get(ROOT), 'EISDIR');
      await refused(t, driver.get(path('/no/where')), 'ENOENT');
    },
  },
  {
    name: 'sixteen puts and sixteen gets at once',
    async run(t, { driver }) {
      const files = Array.from({ length: 16 }, (_, at) => ({
        where: path(`/p${at}`),
        bytes: pattern(300_000 + at, at),
      }));
      await Promise.all(files.map(({ where, bytes }) => driver.put(where, body(bytes), { size: bytes.length })));
      await Promise.all(files.map(async ({ where, bytes }) => sameBytes(t, await read(driver, where), bytes, where)));
      const [{ where, bytes }] = [files[3]!];
      await eachOf(files, 16, async () => sameBytes(t, await read(driver, where), bytes, 'one file, sixteen readers'));
    },
  },
  {
    name: 'two puts to one path at once leave one of both, whole',
    async run(t, { driver }) {
      const first = pattern(2 * MiB, 21);
      const second = pattern(2 * MiB + 9, 22);
      for (let round = 0; round < 5; round++) {
        const results = await Promise.allSettled([driver.put(a, body(first)), driver.put(a, body(second))]);
        t.true(results.some((result) => result.status === 'fulfilled'));
        const got = await read(driver, a);
        sameBytes(t, got, got.length === first.length ? first : second);
      }
    },
  },
  {
    name: 'a get under way while the file is replaced never mixes both contents',
    async run(t, { driver }) {
      const first = pattern(6 * MiB, 31);
      const second = pattern(6 * MiB, 32);
      await write(driver, a, first);
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of await driver.get(a)) {
          if (chunks.length === 0) await write(driver, a, second);
          chunks.push(chunk);
        }
        sameBytes(t, Buffer.concat(chunks), first, 'the old content to its end');
      } catch (error) {
        t.true(isVfsError(error, 'ESTALE', 'EIO', 'EPRECONDITION'), String(error));
        const got = Buffer.concat(chunks);
        sameBytes(t, got, first.subarray(0, got.length), 'the old content until the error');
      }
      sameBytes(t, await read(driver, a), second);
    },
  },
  {
    name: 'leaving a get early, or before its first byte, releases it, fifty times over',
    async run(t, { driver }) {
      const bytes = pattern(4 * MiB, 41);
      await write(driver, a, bytes);
      for (let round = 0; round < 50; round++) {
        for await (const chunk of await driver.get(a, { start: round })) {
          sameBytes(t, chunk.subarray(0, 100), bytes.subarray(round, round + Math.min(100, chunk.length)));
          break;
        }
        await (await driver.get(a))[Symbol.asyncIterator]().return?.();
      }
      sameBytes(t, await read(driver, a), bytes);
    },
  },
  {
    name: 'a signal fired in the middle of a get ends it with ECANCELED',
    async run(t, { driver }) {
      await write(driver, a, pattern(4 * MiB, 42));
      const abort = new AbortController();
      await refused(
        t,
        async () => {
          for await (const _ of await driver.get(a, { signal: abort.signal })) abort.abort();
        },
        'ECANCELED',
      );
      t.is((await read(driver, a)).length, 4 * MiB);
    },
  },
];
