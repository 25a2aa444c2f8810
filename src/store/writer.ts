import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { VfsError } from '../core/errors.js';
import type { Logger } from '../core/log.js';
import type { Statement } from './connection.js';
import type { EngineName } from './engine.js';
import { fromSqlite, StoreError, type StoreReason } from './store-error.js';

/** Statements that take effect together or not at all. */
export type Job = readonly Statement[];
export type Failure = { readonly code: string; readonly message: string };
export type Outcome = { readonly changes: readonly number[] } | Failure;
export type ToThread = readonly Job[] | 'close';
export type ToMain =
  | { readonly kind: 'open' }
  | { readonly kind: 'refused'; readonly reason: StoreReason; readonly message: string }
  | { readonly kind: 'done'; readonly outcomes: readonly Outcome[] };
export interface ThreadData {
  readonly file: string;
  readonly engine: EngineName;
}

interface Waiting {
  readonly op: string;
  readonly job: Job;
  readonly resolve: (changes: readonly number[]) => void;
  readonly reject: (error: VfsError) => void;
}

/** Jobs that share one commit at most; what waits longer than that shares the next. */
const GROUP = 512;
/** Jobs that may wait before new ones are refused: a disk that hangs must not fill the memory. */
const QUEUE = 50_000;

/** What the tables write through. */
export interface Writer {
  /**
   * Runs statements in one transaction and resolves once they are on the disk; reads see them from then on. Writes take
   * effect in the order of the calls.
   * @param op  for errors: `user add`
   * @returns how many rows each statement changed
   * @throws VfsError EEXIST, ENOENT (foreign key), ENOSPC, EUNAVAILABLE, EAGAIN, EIO; then nothing was changed,
   *         except that EIO after the death of the thread leaves it open
   */
  write(op: string, ...job: readonly Statement[]): Promise<readonly number[]>;
}

/** The main thread's side of the writing thread. One group is under way at a time; the next one gathers meanwhile. */
export class ThreadWriter implements Writer {
  readonly #data: ThreadData;
  readonly #log: Logger;
  readonly #script: URL;
  #worker: Worker | undefined;
  #starting: Promise<Worker> | undefined;
  #queue: Waiting[] = [];
  #underway: readonly Waiting[] = [];
  #closed: Promise<void> | undefined;

  private constructor(data: ThreadData, log: Logger, script: URL) {
    this.#data = data;
    this.#log = log;
    this.#script = script;
  }

  /** @param script  what the thread runs; another one in tests
   *  @throws StoreError when the database cannot be opened or migrated */
  static async open(
    data: ThreadData,
    log: Logger,
    script = new URL('./writer-thread.js', import.meta.url),
  ): Promise<ThreadWriter> {
    const writer = new ThreadWriter(data, log, script);
    await writer.#start();
    return writer;
  }

  write(op: string, ...job: readonly Statement[]): Promise<readonly number[]> {
    if (this.#closed !== undefined) {
      return Promise.reject(new VfsError('EBADF', op, 'database', { detail: 'the database is closed' }));
    }
    if (this.#queue.length >= QUEUE) {
      return Promise.reject(new VfsError('EAGAIN', op, 'database', { detail: 'too many writes wait for the disk' }));
    }
    return this.#enqueue(op, job);
  }

  /** Finishes what was asked for, then closes the connection, which checkpoints it. */
  close(): Promise<void> {
    // Behind all that was asked for, so when it is done that is.
    this.#closed ??= this.#drain(this.#enqueue('close', []));
    return this.#closed;
  }

  #enqueue(op: string, job: Job): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      // Only text and values cross to the thread: what Kysely compiles carries its syntax tree too.
      this.#queue.push({ op, job: job.map(({ sql, parameters }) => ({ sql, parameters })), resolve, reject });
      if (this.#underway.length === 0) queueMicrotask(() => this.#next());
    });
  }

  async #drain(last: Promise<unknown>): Promise<void> {
    await last.catch(() => {});
    const worker = this.#worker;
    if (worker === undefined) return;
    const exit = once(worker, 'exit');
    worker.postMessage('close' satisfies ToThread);
    await exit;
  }

  #next(): void {
    if (this.#underway.length > 0 || this.#queue.length === 0) return;
    const group = this.#queue.splice(0, GROUP);
    this.#underway = group;
    void this.#send(group);
  }

  async #send(group: readonly Waiting[]): Promise<void> {
    try {
      const worker = this.#worker ?? (await this.#start());
      worker.postMessage(group.map(({ job }) => job) satisfies ToThread);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#settle(group.map(() => ({ code: '', message })));
    }
  }

  #settle(outcomes: readonly Outcome[]): void {
    const group = this.#underway;
    this.#underway = [];
    for (const [at, { op, resolve, reject }] of group.entries()) {
      const outcome = outcomes[at] ?? { code: '', message: 'no answer from the writing thread' };
      if ('changes' in outcome) resolve(outcome.changes);
      else reject(fromSqlite(Object.assign(new Error(outcome.message), { code: outcome.code }), op));
    }
    this.#next();
  }

  #start(): Promise<Worker> {
    this.#starting ??= this.#spawn().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #spawn(): Promise<Worker> {
    const worker = new Worker(this.#script, {
      workerData: this.#data,
      name: 'store',
      // Rows come and go; the default nursery would keep tens of MiB for them.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', (message: ToMain) => {
        if (message.kind === 'refused') reject(new StoreError(message.reason, message.message));
        else resolve();
      });
      worker.once('error', (error) => reject(new StoreError('failed', `the database thread: ${error.message}`)));
      worker.once('exit', () => reject(new StoreError('failed', 'the database thread ended before it began')));
    });
    worker.removeAllListeners('error').removeAllListeners('exit');
    worker.on('message', (message: ToMain) => {
      if (message.kind === 'done') this.#settle(message.outcomes);
    });
    worker.on('error', (error) => this.#log.error({ err: error }, 'the database thread failed'));
    worker.on('exit', () => {
      this.#worker = undefined;
      if (this.#underway.length > 0) this.#settle([]);
    });
    this.#worker = worker;
    return worker;
  }
}
