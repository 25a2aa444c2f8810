export { StartError } from '../core/start-error.js';

/**
 * A door: something that clients of one protocol connect to. It turns their requests into calls on a View and the
 * errors of those into its protocol's words; it decides nothing about rights, locks or storages.
 */
export interface Frontend {
  /** As in the ready line: `web`, `sftp`, `drive`, `metrics`. */
  readonly name: string;
  /**
   * Begins to serve.
   * @returns where clients find it: a URL, or a path for the drive
   * @throws StartError when the configuration cannot be served; Unavailable when the host lacks something
   */
  start(): Promise<string>;
  /** Stops accepting, lets what runs finish until `deadline` (ms since 1970), then ends it. Safe to call twice. */
  stop(deadline: number): Promise<void>;
}

/** The host lacks what this front end needs (/dev/fuse, the compiled binding). The daemon goes on without it and says
 *  `name=off(reason)`. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}
