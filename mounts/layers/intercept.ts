import type { Bytes, Call } from '../../src/core/bytes.js';
import type { Entry } from '../../src/core/entry.js';
import { type Path, ROOT } from '../../src/core/path.js';
import type { Driver, OpenFile, Replacement } from '../driver.js';

/*
 * A layer wears the interface of the driver below it. What it does is said once, as hooks around an operation, and
 * `intercept` puts those around every method that the driver has: unary calls, listings, bodies in both directions, and
 * the steps on open files and replacements.
 */

/** A method of a driver or of something it opened: `read`, `write`, `truncate`, `commit`, `release` and `abort` are
 *  steps on an OpenFile (whose close is `release`) or a Replacement; `close` closes the driver. */
export type OperationName =
  | Exclude<keyof Driver, 'traits'>
  | 'read'
  | 'write'
  | 'truncate'
  | 'commit'
  | 'release'
  | 'abort';

/** One call on its way to the storage. The object is the same for all hooks of one layer. */
export interface Operation {
  readonly name: OperationName;
  /** The paths it names; the first is the one that errors tell. */
  readonly paths: readonly [Path, ...Path[]];
  readonly signal: AbortSignal | undefined;
  /** `once`: answers and is over. `stream`: over when the listing or body ended. `handle`: over when it was closed.
   *  `step`: a call on such a handle. */
  readonly shape: 'once' | 'stream' | 'handle' | 'step';
  /** Bytes a `write` carries. */
  readonly length: number;
}

/** Goes on to the layer below; with another signal where one is given. May be called again only where the layer knows
 *  that this is safe. */
export type Next<T> = (signal?: AbortSignal) => Promise<T>;

export interface Hooks {
  /**
   * Around the answer: the whole of a unary call or step, the opening of a stream (for `list`, up to its first page)
   * or handle.
   * @param discard  releases a result that comes after the layer stopped waiting for it
   */
  call?<T>(next: Next<T>, discard: (late: T) => void): Promise<T>;
  /** Around each further page or chunk that the caller asks of a stream. */
  pull?<T>(next: () => Promise<IteratorResult<T>>): Promise<IteratorResult<T>>;
  /** Around each chunk that the driver asks of the body of a put. */
  feed?(next: () => Promise<IteratorResult<Uint8Array>>): Promise<IteratorResult<Uint8Array>>;
  /** Around the caller's leaving a stream early. */
  leave?(next: () => Promise<void>): Promise<void>;
  /** Once, when all is over: answered, ended, left, closed or failed. */
  end?(error: unknown): void;
}

/** What a layer does: asked once for each operation, so that the hooks may share what they know of it. */
export type Around = (operation: Operation) => Hooks;

/** The driver with `around` about everything it does. Methods that it lacks stay absent. */
export function intercept(driver: Driver, around: Around): Driver {
  const enter = (
    name: OperationName,
    paths: readonly [Path, ...Path[]],
    call: Call | undefined,
    shape: Operation['shape'] = 'once',
    length = 0,
  ): Entered => {
    const operation: Operation = { name, paths, signal: call?.signal, shape, length };
    return { operation, hooks: around(operation) };
  };

  const file = (path: Path, opened: Entered, inner: OpenFile): OpenFile => ({
    entry: inner.entry,
    read: (position, into, call) =>
      answer(enter('read', [path], call, 'step'), (signal) => inner.read(position, into, { signal })),
    close: async () => {
      try {
        await answer(enter('release', [path], undefined, 'step'), () => inner.close());
      } finally {
        end(opened, undefined);
      }
    },
  });

  const replacement = (path: Path, opened: Entered, inner: Replacement): Replacement => ({
    get size() {
      return inner.size;
    },
    read: (position, into) => answer(enter('read', [path], undefined, 'step'), () => inner.read(position, into)),
    write: (position, bytes) =>
      answer(enter('write', [path], undefined, 'step', bytes.length), () => inner.write(position, bytes)),
    truncate: (size) => answer(enter('truncate', [path], undefined, 'step'), () => inner.truncate(size)),
    commit: (options) =>
      answer(enter('commit', [options?.path ?? path], options, 'step'), (signal) =>
        inner.commit({ ...options, signal }),
      ),
    abort: async () => {
      try {
        await answer(enter('abort', [path], undefined, 'step'), () => inner.abort());
      } finally {
        end(opened, undefined);
      }
    },
  });

  const { rename, copy, setattr, symlink, readlink, link, statfs, open, replace, purge } = driver;
  return {
    get traits() {
      return driver.traits;
    },
    stat: (path, call) => answer(enter('stat', [path], call), (signal) => driver.stat(path, { signal })),
    list: (path, call) => ({
      [Symbol.asyncIterator]: () =>
        new Listing(enter('list', [path], call, 'stream'), (signal) => driver.list(path, { signal })),
    }),
    get: async (path, options) => {
      const entered = enter('get', [path], options, 'stream');
      const body = await answer(
        entered,
        (signal) => driver.get(path, { ...options, signal }),
        (late) => void late[Symbol.asyncIterator]().return?.()?.then(ignore, ignore),
      );
      return Object.assign(new Stream(entered, body[Symbol.asyncIterator]()), { entry: body.entry });
    },
    put: (path, body, options) => {
      const entered = enter('put', [path], options);
      const fed = feeding(entered.hooks, body);
      return answer(entered, (signal) => driver.put(path, fed, { ...options, signal }));
    },
    mkdir: (path, call) => answer(enter('mkdir', [path], call), (signal) => driver.mkdir(path, { signal })),
    unlink: (path, call) => answer(enter('unlink', [path], call), (signal) => driver.unlink(path, { signal })),
    rmdir: (path, call) => answer(enter('rmdir', [path], call), (signal) => driver.rmdir(path, { signal })),
    close: () => answer(enter('close', [ROOT], undefined), () => driver.close()),
    ...(rename && {
      rename: (from, to, options) =>
        answer(enter('rename', [from, to], options), (signal) => rename.call(driver, from, to, { ...options, signal })),
    }),
    ...(copy && {
      copy: (from, to, call) =>
        answer(enter('copy', [from, to], call), (signal) => copy.call(driver, from, to, { signal })),
    }),
    ...(setattr && {
      setattr: (path, attributes, call) =>
        answer(enter('setattr', [path], call), (signal) => setattr.call(driver, path, attributes, { signal })),
    }),
    ...(symlink && {
      symlink: (path, target, call) =>
        answer(enter('symlink', [path], call), (signal) => symlink.call(driver, path, target, { signal })),
    }),
    ...(readlink && {
      readlink: (path, call) =>
        answer(enter('readlink', [path], call), (signal) => readlink.call(driver, path, { signal })),
    }),
    ...(link && {
      link: (existing, path, call) =>
        answer(enter('link', [existing, path], call), (signal) => link.call(driver, existing, path, { signal })),
    }),
    ...(statfs && {
      statfs: (path, call) => answer(enter('statfs', [path], call), (signal) => statfs.call(driver, path, { signal })),
    }),
    ...(open && {
      open: async (path, call) => {
        const entered = enter('open', [path], call, 'handle');
        const inner = await answer(
          entered,
          (signal) => open.call(driver, path, { signal }),
          (late) => void late.close().then(ignore, ignore),
        );
        return file(path, entered, inner);
      },
    }),
    ...(replace && {
      replace: async (path, options) => {
        const entered = enter('replace', [path], options, 'handle');
        const inner = await answer(
          entered,
          (signal) => replace.call(driver, path, { ...options, signal }),
          (late) => void late.abort().then(ignore, ignore),
        );
        return replacement(path, entered, inner);
      },
    }),
    ...(purge && {
      purge: (olderThan, call) =>
        answer(enter('purge', [ROOT], call), (signal) => purge.call(driver, olderThan, { signal })),
    }),
  };
}

interface Entered {
  readonly operation: Operation;
  readonly hooks: Hooks;
  ended?: boolean;
}

const ignore = (): void => {};

function end(entered: Entered, error: unknown): void {
  if (entered.ended) return;
  entered.ended = true;
  entered.hooks.end?.(error);
}

/** Runs the answering part; the operation is over here when it fails, or opened nothing. */
async function answer<T>(
  entered: Entered,
  run: (signal: AbortSignal | undefined) => Promise<T>,
  discard: (late: T) => void = ignore,
): Promise<T> {
  const { operation, hooks } = entered;
  const next: Next<T> = async (signal = operation.signal) => run(signal);
  try {
    const value = await (hooks.call === undefined ? next() : hooks.call(next, discard));
    if (operation.shape === 'once' || operation.shape === 'step') end(entered, undefined);
    return value;
  } catch (error) {
    end(entered, error);
    throw error;
  }
}

/** Iterators by hand, not generators: a generator that was never started runs no `finally`, and a body that nobody
 *  reads must still be released by `return`. */
class Stream<T> implements AsyncIterableIterator<T> {
  readonly #entered: Entered;
  protected inner: AsyncIterator<T> | undefined;
  #over = false;

  constructor(entered: Entered, inner?: AsyncIterator<T>) {
    this.#entered = entered;
    this.inner = inner;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return this;
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.#over) return { done: true, value: undefined };
    try {
      const result = await this.produce();
      if (result.done) this.#finish(undefined);
      return result;
    } catch (error) {
      this.#finish(error);
      throw error;
    }
  }

  async return(): Promise<IteratorResult<T>> {
    const { inner } = this;
    if (!this.#over && inner !== undefined) {
      const { hooks } = this.#entered;
      const next = async (): Promise<void> => void (await inner.return?.());
      try {
        await (hooks.leave === undefined ? next() : hooks.leave(next));
      } finally {
        this.#finish(undefined);
      }
    }
    this.#finish(undefined);
    return { done: true, value: undefined };
  }

  protected produce(): Promise<IteratorResult<T>> {
    const { inner } = this;
    const { hooks } = this.#entered;
    const next = async (): Promise<IteratorResult<T>> => inner!.next();
    return hooks.pull === undefined ? next() : hooks.pull(next);
  }

  #finish(error: unknown): void {
    this.#over = true;
    end(this.#entered, error);
  }
}

/** A listing opens with its first page, since only that tells whether the folder is there. */
class Listing extends Stream<readonly Entry[]> {
  readonly #entry: Entered;
  readonly #open: (signal: AbortSignal | undefined) => AsyncIterable<readonly Entry[]>;

  constructor(entered: Entered, open: (signal: AbortSignal | undefined) => AsyncIterable<readonly Entry[]>) {
    super(entered);
    this.#entry = entered;
    this.#open = open;
  }

  protected override async produce(): Promise<IteratorResult<readonly Entry[]>> {
    if (this.inner !== undefined) return super.produce();
    const { pages, first } = await answer(
      this.#entry,
      async (signal) => {
        const pages = this.#open(signal)[Symbol.asyncIterator]();
        return { pages, first: await pages.next() };
      },
      (late) => void late.pages.return?.()?.then(ignore, ignore),
    );
    this.inner = pages;
    return first;
  }
}

function feeding(hooks: Hooks, body: Bytes): Bytes {
  const { feed } = hooks;
  if (feed === undefined) return body;
  return {
    [Symbol.asyncIterator]: () => {
      const inner = body[Symbol.asyncIterator]();
      return {
        next: () => feed.call(hooks, async () => inner.next()),
        return: async () => {
          await inner.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
