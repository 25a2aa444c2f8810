import test from 'ava';
import { type Driver, TEMPORARY_PREFIX } from '../../mounts/driver.js';
import { MemoryDriver } from '../../mounts/memory.js';
import { collect, once } from '../../src/core/bytes.js';
import { isVfsError, VfsError } from '../../src/core/errors.js';
import { nameOf, parentOf, ROOT } from '../../src/core/path.js';
import { driverCases } from './driver.js';

/*
 * A suite that passes everything proves nothing. Each mutant is the memory driver with one promise broken, and the
 * case that must notice.
 */

type Break = (driver: MemoryDriver, sound: MemoryDriver) => Partial<Driver>;

const mutants: readonly (readonly [what: string, noticedBy: string, change: Break])[] = [
  [
    'put takes a short body',
    'a body of another length than was said: EINVAL and the old content',
    (_, sound) => ({ put: (path, body, options) => sound.put(path, body, { ...options, size: undefined }) }),
  ],
  [
    'put empties the file before the body came',
    'a body that throws leaves the old content, or nothing',
    (_, sound) => ({
      async put(path, body, options) {
        if (path !== ROOT) await sound.put(path, once(Buffer.alloc(0)), { ...options, size: undefined });
        return sound.put(path, body, options);
      },
    }),
  ],
  [
    'put makes parents',
    'a missing parent is ENOENT, and nobody makes it',
    (_, sound) => ({
      async put(path, body, options) {
        await sound.mkdir(parentOf(path)).catch(() => {});
        return sound.put(path, body, options);
      },
    }),
  ],
  [
    'a hanging body hangs put',
    'a signal in the middle of a body: ECANCELED and the old content, even when the body hangs',
    (_, sound) => ({
      async put(path, body, options) {
        return sound.put(path, once(await collect(body)), options);
      },
    }),
  ],
  [
    'get forgets the end of the range',
    'ranges: [start, end), cut at the end, empty at the end, ERANGE past it',
    (_, sound) => ({ get: (path, options) => sound.get(path, { ...options, end: undefined }) }),
  ],
  [
    'get opens only at the first byte',
    'get resolves only once open: ENOENT and EISDIR come before the first byte',
    (_, sound) => ({
      async get(path, options) {
        return (async function* () {
          yield* await sound.get(path, options);
        })();
      },
    }),
  ],
  [
    'an etag of the size',
    'overwriting changes content and etag, also for the same length and the same bytes twice over',
    (_, sound) => ({
      put: async (path, body, options) => {
        const entry = await sound.put(path, body, options);
        return { ...entry, etag: `${entry.size}` };
      },
      stat: async (path, call) => {
        const entry = await sound.stat(path, call);
        return { ...entry, etag: entry.kind === 'file' ? `${entry.size}` : '' };
      },
    }),
  ],
  [
    'ifMatch is not looked at',
    'put with ifMatch replaces that content only',
    (_, sound) => ({ put: (path, body, options) => sound.put(path, body, { ...options, ifMatch: undefined }) }),
  ],
  [
    'the condition is looked at when the upload begins',
    'a content that changes while a conditional put is under way is not overwritten',
    (_, sound) => ({
      async put(path, body, { ifMatch, ifNoneMatch, ...options } = {}) {
        const etag = await sound.stat(path).then(
          (entry) => entry.etag,
          () => undefined,
        );
        if ((ifMatch !== undefined && ifMatch !== etag) || (ifNoneMatch !== undefined && etag !== undefined)) {
          throw new VfsError('EPRECONDITION', 'put', path);
        }
        return sound.put(path, body, options);
      },
    }),
  ],
  [
    'a listing loses a child of the second page',
    'a long listing: each child once, each as stat has it',
    (_, sound) => ({
      async *list(path, call) {
        let first = true;
        for await (const page of sound.list(path, call)) {
          yield first ? page : page.slice(1);
          first = false;
        }
      },
    }),
  ],
  [
    'names are normalised',
    'names: NFC and NFD are two names',
    (_, sound) => ({
      put: (path, body, options) => sound.put(path.normalize('NFC') as typeof path, body, options),
      get: (path, options) => sound.get(path.normalize('NFC') as typeof path, options),
    }),
  ],
  [
    'unlink of nothing succeeds',
    'what is missing is ENOENT',
    (_, sound) => ({
      unlink: (path, call) =>
        sound.unlink(path, call).catch((error: unknown) => {
          if (!isVfsError(error, 'ENOENT')) throw error;
        }),
    }),
  ],
  [
    'rmdir removes what is in it',
    'unlink removes files, rmdir empty folders, and neither the other',
    (_, sound) => ({
      async rmdir(path, call) {
        for await (const page of sound.list(path)) {
          for (const { name } of page) await sound.unlink(`${path}/${name}` as typeof path);
        }
        return sound.rmdir(path, call);
      },
    }),
  ],
  [
    'temporary names are shown',
    'temporary names are invisible, and every call on one is ENOENT',
    (_, sound) => ({
      stat: (path, call) =>
        nameOf(path).startsWith(TEMPORARY_PREFIX) ? sound.stat(ROOT, call) : sound.stat(path, call),
    }),
  ],
  [
    'noReplace replaces',
    'rename with noReplace',
    (_, sound) => ({ rename: (from, to, options) => sound.rename(from, to, { ...options, noReplace: false }) }),
  ],
  [
    'an open file follows its name',
    'an open file shows the content of its opening after replacement, rename and unlink, or ESTALE',
    (_, sound) => ({
      async open(path, call) {
        const file = await sound.open(path, call);
        return {
          ...file,
          read: async (position, into) => {
            const bytes = await collect(await sound.get(path));
            return bytes.copy(into, 0, position);
          },
        };
      },
    }),
  ],
  [
    'a commit that fails loses the content',
    'replace: a commit whose condition fails keeps it, to be committed again or elsewhere',
    (_, sound) => ({
      async replace(path, options) {
        const making = await sound.replace(path, options);
        const commit = making.commit.bind(making);
        making.commit = (how) =>
          commit(how).catch(async (error: unknown) => {
            await making.abort();
            throw error;
          });
        return making;
      },
    }),
  ],
  ['calls go on after close', 'calls after close reject with EBADF', () => ({ mkdir: async () => {} })],
  [
    'a fired signal is not looked at',
    'a signal already fired: ECANCELED before anything happens',
    (_, sound) => ({ stat: (path) => sound.stat(path) }),
  ],
];

for (const [what, noticedBy, change] of mutants) {
  test(`the suite notices when ${what}`, async (t) => {
    const found = driverCases.find((one) => one.name === noticedBy);
    if (found === undefined) return t.fail(`no such case: ${noticedBy}`);
    const sound = new MemoryDriver();
    const driver: Driver = new Proxy(sound, {
      get(target, key) {
        const changed: unknown = Reflect.get(change(target, sound), key);
        const value: unknown = changed ?? Reflect.get(target, key);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const options = { listing: 2_500, large: 300_000 };
    const attempt = await t.try(async (inner) => {
      const run = found.run(inner, { driver, cleanup: async () => {}, options });
      // A mutant that hangs is noticed as well.
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error('it hangs')), 3_000));
      await Promise.race([run, late]);
    });
    attempt.discard();
    t.false(attempt.passed, noticedBy);
  });
}
