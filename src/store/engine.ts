import { createRequire } from 'node:module';
import { StoreError } from './store-error.js';

/** The two libraries that carry SQLite. */
export type EngineName = 'better-sqlite3' | 'libsql';

/** What both have in common, as far as we use it; see connection.ts for the differences that matter. */
export interface NativeStatement {
  run(parameters: readonly unknown[]): { readonly changes: number };
  all(parameters: readonly unknown[]): unknown[];
}

export interface NativeDatabase {
  prepare(sql: string): NativeStatement;
  exec(sql: string): unknown;
  close(): unknown;
  readonly inTransaction: boolean;
}

export interface Engine {
  readonly name: EngineName;
  open(file: string, options: { readonly readonly: boolean; readonly timeout: number }): NativeDatabase;
}

type Constructor = new (file: string, options?: object) => NativeDatabase;

const require = createRequire(import.meta.url);
const loaded = new Map<EngineName, Engine>();

/**
 * The library to use: better-sqlite3 where it was compiled at install, else libsql, whose binary comes inside its
 * package, so that a host without a compiler runs too. Both are optional dependencies for that reason.
 * @param wanted  one of them, for tests; absent: the first that loads
 * @throws StoreError when none loads
 */
export function loadEngine(wanted?: EngineName): Engine {
  const reasons: string[] = [];
  for (const name of wanted === undefined ? (['better-sqlite3', 'libsql'] as const) : [wanted]) {
    try {
      return load(name);
    } catch (error) {
      reasons.push(`${name}: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`);
    }
  }
  throw new StoreError('failed', `no SQLite library loads (${reasons.join('; ')}); run npm ci again`);
}

function load(name: EngineName): Engine {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const Database = require(name) as Constructor;
  // better-sqlite3 looks for its binary only when a database is opened.
  new Database(':memory:').close();
  const engine: Engine = { name, open: (file, options) => new Database(file, options) };
  loaded.set(name, engine);
  return engine;
}
