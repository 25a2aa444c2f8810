import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type Document as Yaml,
} from 'yaml';
import { formatKey, type Problem } from './problem.js';
import { substitute } from './substitute.js';

/** Steps from the root of the configuration: keys and list positions. */
export type KeyPath = readonly (string | number)[];

/** Longest file that is read; ours have hundreds of lines. */
export const MAX_BYTES = 1_048_576;

/** A YAML file with its places: what stands at a key, and on which line. */
export class ConfigDocument {
  readonly file: string;
  readonly problems: Problem[] = [];
  /** Whether it is not YAML at all: nothing else can be said of it. */
  hasSyntaxErrors: boolean;
  readonly #yaml: Yaml.Parsed;
  readonly #lines = new LineCounter();
  readonly #source: string;
  readonly #substituted = new Set<Node>();

  /** Syntax errors, duplicate keys and missing environment variables go to `problems`. */
  constructor(file: string, source: string, env: Readonly<Record<string, string | undefined>>) {
    this.file = file;
    this.#source = source;
    this.#yaml = parseDocument(source, { lineCounter: this.#lines, prettyErrors: false, stringKeys: true });
    for (const { code, message, pos } of [...this.#yaml.errors, ...this.#yaml.warnings]) {
      this.#addAt(pos[0], '', this.#explain(code, message, pos));
    }
    const root = this.#yaml.contents as Node | null;
    this.hasSyntaxErrors = this.problems.length > 0 || (root !== null && !isMap(root) && !isNothing(root));
    if (this.problems.length > 0) return;
    if (root !== null && !isMap(root) && !isNothing(root)) {
      this.#addAt(0, '', 'must be a map of keys, such as "web: { listen: 127.0.0.1:8080 }"');
      return;
    }
    visit(root, {
      Alias: (_, alias) => {
        if (alias.resolve(this.#yaml) === undefined) {
          this.hasSyntaxErrors = true;
          this.#addAt(alias.range?.[0] ?? 0, '', `no anchor &${alias.source} stands before *${alias.source}`);
        }
      },
    });
    if (this.hasSyntaxErrors) return;
    this.#walk(root, [], env);
    try {
      this.toData();
    } catch (error) {
      // Too many aliases (a bomb): yaml finds that only here.
      this.hasSyntaxErrors = true;
      this.#addAt(0, '', `cannot be read: ${(error as Error).message}`);
    }
  }

  /** The whole as plain data; an empty file is an empty map. Fresh at each call. */
  toData(): unknown {
    return this.#yaml.toJS({ maxAliasCount: 100 }) ?? {};
  }

  /** Notes a problem; of several with one key only the first is kept. */
  add(path: KeyPath, message: string, at: 'key' | 'value' = 'value'): void {
    const key = formatKey(path);
    if (this.problems.some((problem) => problem.key === key)) return;
    this.#addAt(this.#offset(path, at), key, message);
  }

  /** The words of the file at `path`, where they are one plain scalar that may be shown: not from the environment. */
  words(path: KeyPath): string | undefined {
    const node = this.#node(path);
    if (!isScalar(node) || this.#substituted.has(node)) return undefined;
    return node.source?.slice(0, 60);
  }

  /** Makes the text that came from the environment at `path` a number or boolean, where it reads as one. */
  retype(path: KeyPath, type: 'number' | 'boolean'): boolean {
    const node = this.#node(path);
    if (!isScalar(node) || !this.#substituted.has(node) || typeof node.value !== 'string') return false;
    if (type === 'boolean' && /^(true|false)$/.test(node.value)) node.value = node.value === 'true';
    else if (type === 'number' && /^\d{1,15}$/.test(node.value)) node.value = Number(node.value);
    else return false;
    return true;
  }

  #walk(node: Node | null | undefined, path: KeyPath, env: Readonly<Record<string, string | undefined>>): void {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        this.#walk(value as Node | null, [...path, String(isScalar(key) ? key.value : key)], env);
      }
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) this.#walk(item as Node | null, [...path, index], env);
    } else if (isScalar(node) && typeof node.value === 'string' && node.value.includes('$')) {
      const { text, problem } = substitute(node.value, env);
      if (problem !== undefined) this.add(path, problem);
      if (text !== node.value) this.#substituted.add(node);
      node.value = text;
    }
  }

  #resolve(node: unknown): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#yaml);
    return node === null ? undefined : (node as Node);
  }

  #node(path: KeyPath): Node | undefined {
    let node = this.#resolve(this.#yaml.contents);
    for (const step of path) {
      if (isMap(node)) node = this.#resolve(node.get(step, true));
      else if (isSeq(node)) node = this.#resolve(node.get(step, true));
      else return undefined;
    }
    return node;
  }

  /** Of the value or key at `path`; of the nearest thing above it that is there, for what is missing. */
  #offset(path: KeyPath, at: 'key' | 'value'): number {
    for (let length = path.length; length > 0; length--) {
      const parent = this.#node(path.slice(0, length - 1));
      const step = path[length - 1];
      const pair = isMap(parent)
        ? parent.items.find((item) => isScalar(item.key) && item.key.value === step)
        : undefined;
      const key = pair?.key as Node | undefined;
      const value = this.#node(path.slice(0, length));
      const wanted = length === path.length && at === 'value' ? (value ?? key) : (key ?? value);
      if (wanted?.range) return wanted.range[0];
    }
    return 0;
  }

  #addAt(offset: number, key: string, message: string): void {
    const { line, col } = this.#lines.linePos(Math.min(offset, this.#source.length));
    this.problems.push({ file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), key, message });
  }

  #explain(code: string, message: string, [from, to]: readonly [number, number]): string {
    const rest = this.#source.slice(from);
    switch (code) {
      case 'DUPLICATE_KEY':
        return `the key "${/^["']?([^"':\s]{1,60})/.exec(rest)?.[1] ?? rest.slice(0, to - from)}" stands here a second time; keep one`;
      case 'TAB_AS_INDENT':
        return 'a tab indents this line; YAML takes spaces only';
      case 'MULTIPLE_DOCS':
        return 'a second document begins here ("---"); a configuration is one';
      case 'NON_STRING_KEY':
        return 'a key must be text; write it in quotes';
      default:
        return `not valid YAML: ${message.split('\n')[0]}`;
    }
  }
}

const isNothing = (node: Node) => isScalar(node) && node.value === null;
