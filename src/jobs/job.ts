/** Something the daemon does by the clock. */
export interface Job {
  readonly name: string;
  /** A cron expression with seconds, in the time zone of the host. */
  readonly schedule: string;
  /** Whether it runs once when the scheduler starts, as well. */
  readonly atStart: boolean;
  /** What it did, for the log. A job that throws is logged and runs again at its next time. */
  run(signal: AbortSignal): Promise<object>;
}
