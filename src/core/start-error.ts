/** What was configured cannot be served (a port in use, an unreadable key, a damaged database): the daemon ends with
 *  the message as its one line, and `exitCode` 78 where the configuration is at fault, 1 otherwise. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
  readonly exitCode: 1 | 78;

  constructor(message: string, exitCode: 1 | 78 = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
