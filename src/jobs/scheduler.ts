import { type ScheduledTask, schedule, setLogger } from 'node-cron';
import type { Logger } from '../core/log.js';
import type { Counter, Meter } from '../core/meter.js';
import type { Job } from './job.js';

/** How often the wall clock is held against the monotonic one, and by how much they may differ, in ms. */
const WATCH = 5_000;
const JUMP = 2_000;

/** Runs jobs at their times, each at most once at a time. */
export class Scheduler {
  readonly #jobs: readonly Job[];
  readonly #log: Logger;
  readonly #runs: Counter;
  readonly #ended = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #tasks: readonly ScheduledTask[] = [];
  #watch: NodeJS.Timeout | undefined;

  constructor(jobs: readonly Job[], log: Logger, meter: Meter) {
    this.#jobs = jobs;
    this.#log = log;
    this.#runs = meter.counter('isthmus_job_runs_total', 'Runs of the daemon’s own jobs', ['job', 'result']);
    const quiet = (message: string | Error) => log.debug({ err: message }, 'node-cron');
    setLogger({ info: quiet, debug: quiet, warn: quiet, error: (message) => log.warn({ err: message }, 'node-cron') });
  }

  start(): void {
    this.#plan();
    for (const job of this.#jobs) if (job.atStart) void this.#run(job);
    // node-cron waits for a moment of the wall clock: set back by a day, it would wait for a day.
    let offset = Date.now() - performance.now();
    this.#watch = setInterval(() => {
      const now = Date.now() - performance.now();
      const jumped = now - offset;
      offset = now;
      if (Math.abs(jumped) < JUMP) return;
      this.#log.warn({ seconds: Math.round(jumped / 1000) }, 'the clock was set: jobs are planned anew');
      this.#plan();
    }, WATCH);
    this.#watch.unref();
  }

  /** Plans nothing more, fires the signal of what runs, and resolves when all of it has ended. */
  async stop(): Promise<void> {
    clearInterval(this.#watch);
    for (const task of this.#tasks) void task.destroy();
    this.#tasks = [];
    this.#ended.abort();
    await Promise.all(this.#running.values());
  }

  #plan(): void {
    for (const task of this.#tasks) void task.destroy();
    this.#tasks = this.#jobs.map((job) =>
      schedule(job.schedule, () => this.#run(job), { name: job.name, noOverlap: true, suppressMissedWarning: true }),
    );
  }

  #run(job: Job): Promise<void> {
    // `noOverlap` knows one task only, not the run at the start nor that of a task planned before.
    const under = this.#running.get(job.name);
    if (under !== undefined) return under;
    const run = this.#once(job).finally(() => this.#running.delete(job.name));
    this.#running.set(job.name, run);
    return run;
  }

  async #once(job: Job): Promise<void> {
    const begun = performance.now();
    const fields = () => ({ job: job.name, seconds: Math.round(performance.now() - begun) / 1000 });
    try {
      const did = await job.run(this.#ended.signal);
      this.#runs.add([job.name, 'ok']);
      this.#log.debug({ ...fields(), ...did }, 'job done');
    } catch (error) {
      if (this.#ended.signal.aborted) return;
      this.#runs.add([job.name, 'failed']);
      this.#log.warn({ ...fields(), err: error }, 'job failed');
    }
  }
}
