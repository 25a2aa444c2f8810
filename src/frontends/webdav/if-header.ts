import { Refusal } from './refusal.js';

/** One condition of an If header: a state token or an entity tag, perhaps negated. */
export type Condition =
  | { readonly not: boolean; readonly token: string }
  | { readonly not: boolean; readonly etag: string };

/** Conditions that must hold together, for the resource `tag` (a URL), or the one requested when it is undefined. */
export interface StateList {
  readonly tag: string | undefined;
  readonly conditions: readonly Condition[];
}

const MAX_LENGTH = 8192;

/**
 * Parses an `If` header into the states a request demands (RFC 4918 §10.4.2).
 * @param header  the raw value, untrusted; of at most 8 KiB
 * @returns one list per parenthesis, in order; the header holds if any list holds
 * @throws Refusal 400 when the grammar is broken
 */
export function parseIf(header: string): StateList[] {
  if (header.length > MAX_LENGTH) throw broken();
  const lists: StateList[] = [];
  let tag: string | undefined;
  let tagged: boolean | undefined;
  let listsOfTag = 0;
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  while (next(END) === null) {
    const resource = next(RESOURCE);
    if (resource !== null) {
      // Tagged and untagged lists do not mix, and a tag has at least one list.
      if (tagged === false || (tag !== undefined && listsOfTag === 0)) throw broken();
      tagged = true;
      tag = resource[1]!;
      listsOfTag = 0;
      continue;
    }
    if (next(OPEN) === null) throw broken();
    tagged ??= false;
    const conditions: Condition[] = [];
    while (next(CLOSE) === null) {
      const match = next(CONDITION);
      if (match === null) throw broken();
      const not = match[1] !== undefined;
      conditions.push(match[2] === undefined ? { not, etag: match[3]! } : { not, token: match[2] });
    }
    if (conditions.length === 0) throw broken();
    lists.push({ tag, conditions });
    listsOfTag += 1;
  }
  if (lists.length === 0 || (tagged === true && listsOfTag === 0)) throw broken();
  return lists;
}

const END = /[ \t]*$/y;
const RESOURCE = /[ \t]*<([^<>\s]+)>/y;
const OPEN = /[ \t]*\(/y;
const CLOSE = /[ \t]*\)/y;
const CONDITION = /[ \t]*(?:(Not)[ \t]*)?(?:<([^<>\s]+)>|\[((?:W\/)?"[^"\x00-\x20]*")\])/iy;

function broken(): Refusal {
  return new Refusal(400, { detail: 'the If header is broken' });
}

/** Every state token that the header submits (RFC 4918 §6.5): the negated ones are not. */
export function submittedTokens(lists: readonly StateList[]): ReadonlySet<string> {
  const tokens = new Set<string>();
  for (const { conditions } of lists) {
    for (const condition of conditions) if ('token' in condition && !condition.not) tokens.add(condition.token);
  }
  return tokens;
}
