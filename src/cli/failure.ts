/** A command cannot do what it was asked. The message is one line, or a few; `exitCode` as in docs/operations.md. */
export class Failure extends Error {
  override readonly name = 'Failure';
  /** 1 refused or failed, 2 usage, 75 try again, 78 configuration. */
  readonly exitCode: 1 | 2 | 75 | 78;

  constructor(message: string, exitCode: 1 | 2 | 75 | 78 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
