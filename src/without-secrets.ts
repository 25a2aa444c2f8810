/** Names of fields that never reach the log, wherever they stand in what is logged; `newPassword` and `Set-Cookie` too. */
const SECRET = /pass(word|phrase)|secret|private_?key|authorization|cookie|token/i;
/** Nobody logs anything deeper on purpose; it is not written. */
const DEEPEST = 6;
const MOST_NAMES = 1_000;

/** Which names are secret: a program has few names for fields, and this is asked with each line of the log. */
const known = new Map<string, boolean>();

function isSecret(name: string): boolean {
  let answer = known.get(name);
  if (answer === undefined) {
    answer = SECRET.test(name);
    if (known.size < MOST_NAMES) known.set(name, answer);
  }
  return answer;
}

/**
 * What may be logged of `fields`: the same object where nothing in it is secret, else a copy that says `[secret]`.
 * Secrets show themselves to nobody (core/secret.ts); this is for what has not become one.
 */
export function withoutSecrets<T extends object>(fields: T): T {
  return clean(fields, 1) as T;
}

function clean(value: object, depth: number): object {
  let copy: Record<string, unknown> | undefined;
  for (const name of Object.keys(value)) {
    const field: unknown = (value as Record<string, unknown>)[name];
    let shown = field;
    if (field !== undefined && field !== null && isSecret(name)) shown = '[secret]';
    else if (typeof field === 'object' && field !== null && !showsItself(field, depth === 1 ? name : '')) {
      shown = depth < DEEPEST ? clean(field, depth + 1) : '[deep]';
    }
    if (shown === field) continue;
    copy ??= Array.isArray(value) ? ([...value] as unknown as Record<string, unknown>) : { ...value };
    copy[name] = shown;
  }
  return copy ?? value;
}

/** Of errors at these names logger.ts takes a few fields; dates, URLs and Secrets say themselves how they are written. */
function showsItself(value: object, name: string): boolean {
  if (value instanceof Error) return name === 'err' || name === 'error';
  return ArrayBuffer.isView(value) || typeof (value as { toJSON?: unknown }).toJSON === 'function';
}
