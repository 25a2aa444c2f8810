import type { BaseIssue } from 'valibot';
import { nearest } from './nearest.js';

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  boolean: 'true or false',
  Object: 'a map of keys',
  Array: 'a list',
};

/** What stands where something else was expected. */
function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return (
    { string: 'text', number: 'a number', boolean: 'true or false', object: 'a map of keys' }[typeof value as string] ??
    typeof value
  );
}

/**
 * Says in one sentence what is wrong with a value and what would be right.
 * @param words  the value as written, where it may be shown
 * @param help   the description of the option
 */
export function describeIssue(issue: BaseIssue<unknown>, words: string | undefined, help: string | undefined): string {
  const about = help === undefined ? '' : ` (${help.replace(/\.$/, '')})`;
  if (issue.kind === 'schema' && issue.received === 'undefined') return `is missing${about}`;
  // Also a schema that brings a sentence of its own.
  if (issue.kind !== 'schema' || !issue.message.startsWith('Invalid ')) {
    const found = words === '' ? '; found nothing' : `; found "${words}"`;
    return `${describeRule(issue)}${words === undefined ? '' : found}`;
  }
  const choices = choicesOf(issue.expected);
  if (choices.length > 0 && typeof issue.input === 'string') {
    const near = words === undefined ? undefined : nearest(words, choices);
    const found = words === undefined ? '' : `; found "${words}"`;
    return `must be ${oneOf(choices)}${found}${near === undefined ? '' : `, did you mean "${near}"?`}`;
  }
  const wanted =
    choices.length > 0 ? oneOf(choices) : (TYPES[issue.expected ?? ''] ?? issue.expected ?? 'something else');
  if (issue.expected === 'string' && (typeof issue.input === 'number' || typeof issue.input === 'boolean')) {
    return `must be text, not ${nameOf(issue.input)}; put it in quotes${words === undefined ? '' : `: "${words}"`}`;
  }
  const empty = issue.input === null ? '; leave the key out, or give it a value' : '';
  return `must be ${wanted}, not ${nameOf(issue.input)}${empty}${about}`;
}

/** A driver's schema may leave valibot its own words: `Invalid URL: Received "x"`. */
function describeRule(issue: BaseIssue<unknown>): string {
  const [, what, expected] =
    /^Invalid ([^:]+)(?:: Expected (.+?))?(?: (?:but|and) )?(?:: )?(?:[Rr]eceived .*)?$/.exec(issue.message) ?? [];
  if (what === undefined) return issue.message;
  return expected === undefined ? `is not a valid ${what}` : `is not valid: ${what} must be ${expected}`;
}

/** `("a" | "b")` as valibot writes it, as a list. */
function choicesOf(expected: string | null): string[] {
  const inner = /^\((.+)\)$/.exec(expected ?? '')?.[1] ?? expected ?? '';
  const parts = inner.split(' | ');
  return parts.every((part) => /^".*"$/.test(part)) ? parts.map((part) => part.slice(1, -1)) : [];
}

function oneOf(choices: readonly string[]): string {
  const quoted = choices.map((choice) => `"${choice}"`);
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
