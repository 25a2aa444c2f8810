import { Secret } from '../core/secret.js';

/** Text that is equal for two parts of configurations that mean the same. It holds secrets: never log or keep it on disk. */
export function identity(part: unknown): string {
  return JSON.stringify(part, function (this: Record<string, unknown>, key, value: unknown) {
    // By now toJSON has made `[secret]` of it; what it was still stands in its holder.
    const raw = this[key];
    return raw instanceof Secret ? raw.reveal() : value;
  });
}
