import { type BaseIssue, type GenericSchema, type InferOutput, safeParse } from 'valibot';
import { describeIssue } from './describe-issue.js';
import type { ConfigDocument, KeyPath } from './document.js';
import { nearest } from './nearest.js';
import { formatKey } from './problem.js';
import { helpAt, unknownKeys } from './schema-tree.js';

/** What stands at `path`; undefined when nothing does. */
export function dataAt(data: unknown, path: KeyPath): unknown {
  let at = data;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

/**
 * Checks what stands at `prefix` in the document against a schema; every problem goes to the document, one for each
 * key, with its place.
 * @param notYet  keys that are told apart from unknown ones
 * @returns the value with defaults filled in; undefined when there was a problem
 */
export function checkValue<S extends GenericSchema>(
  document: ConfigDocument,
  schema: S,
  prefix: KeyPath,
  notYet: ReadonlySet<string> = new Set(),
): InferOutput<S> | undefined {
  const told = new Set<string>();
  const data = () => dataAt(document.toData(), prefix) ?? {};
  for (const { path, known } of unknownKeys(schema, data())) {
    const name = String(path.at(-1));
    const near = nearest(name, known);
    // A key that is missing because it was misspelt is one mistake, not two.
    if (near !== undefined) told.add(formatKey([...path.slice(0, -1), near]));
    document.add([...prefix, ...path], unknownMessage(formatKey(path), near, known, notYet), 'key');
  }
  let result = safeParse(schema, data());
  // The schema decides what a variable's text means: `uid: ${ID}` is a number because uid is one.
  if (result.issues?.map((issue) => retype(document, prefix, issue)).some(Boolean)) result = safeParse(schema, data());
  if (result.success) return told.size === 0 ? result.output : undefined;
  for (const issue of result.issues) {
    const path = pathOf(issue);
    const key = formatKey(path);
    if (issue.expected === 'never' || told.has(key)) continue;
    told.add(key);
    const whole = [...prefix, ...path];
    const words = shown(whole, document.words(whole));
    const missing = issue.received === 'undefined';
    document.add(whole, describeIssue(issue, words, helpAt(schema, path)), missing ? 'key' : 'value');
  }
  return undefined;
}

function unknownMessage(key: string, near: string | undefined, known: readonly string[], notYet: ReadonlySet<string>) {
  if (notYet.has(key)) return 'is not available yet in this version; leave it out';
  if (near !== undefined) return `unknown key; did you mean "${near}"?`;
  return known.length === 0 ? 'unknown key; there are none here' : `unknown key; the keys here are ${known.join(', ')}`;
}

function retype(document: ConfigDocument, prefix: KeyPath, issue: BaseIssue<unknown>): boolean {
  const { expected } = issue;
  return (expected === 'number' || expected === 'boolean') && document.retype([...prefix, ...pathOf(issue)], expected);
}

function pathOf(issue: BaseIssue<unknown>): (string | number)[] {
  return (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
}

/** What of a wrong value may stand in a message: nothing that might be a secret. */
function shown(path: KeyPath, words: string | undefined): string | undefined {
  return path.includes('credentials') || words?.includes('@') ? undefined : words;
}
