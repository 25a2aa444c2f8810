import { inspect } from 'node:util';

/**
 * A password or key that does not show itself: printing, logging or serialising it gives `[secret]`. Only the code
 * that must speak it to a storage calls `reveal`.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
