/**
 * What the protocol refuses on its own account, before or beside any View: a broken header, a failed precondition, a
 * body where none belongs. Everything that concerns files is a VfsError.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  /** Precondition or postcondition element for the `error` body (RFC 4918 §16), as XML with the prefix `D`. */
  readonly condition: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, options: { condition?: string; headers?: Record<string, string>; detail?: string } = {}) {
    super(options.detail ?? `status ${status}`);
    this.status = status;
    this.condition = options.condition;
    this.headers = options.headers ?? {};
  }
}
