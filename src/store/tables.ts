/*
 * What the rooms may ask of the database, table by table. The methods that read are synchronous and touch only a
 * read-only connection (5 to 9 µs a look-up); those that write resolve once the row is durable.
 */

/** A row of `locks`; see vfs/locks.ts for what the columns mean. */
export interface LockRow {
  readonly token: string;
  /** Which namespace the path is of: `home:NAME` or `mount:/at`. */
  readonly space: string;
  readonly path: string;
  readonly scope: 'exclusive' | 'shared';
  readonly deep: boolean;
  readonly holder: string;
  readonly owner: string;
  /** ms since 1970 */
  readonly expires: number;
}

export interface LockTable {
  /** Every lock that has not expired at `now`. Read once at start: the locks live in memory after that. */
  all(now: number): readonly LockRow[];
  put(row: LockRow): Promise<void>;
  remove(tokens: readonly string[]): Promise<void>;
}

/** Dead WebDAV properties. `key` is `namespace name`, `value` serialised XML. */
export interface PropertyTable {
  of(space: string, path: string): ReadonlyMap<string, string>;
  /** Of the children of `path` that have any, by path. */
  below(space: string, path: string): ReadonlyMap<string, ReadonlyMap<string, string>>;
  change(space: string, path: string, set: ReadonlyMap<string, string>, remove: ReadonlySet<string>): Promise<void>;
  /** The properties of `from` and all below it become those of `to` and below; what `to` had is dropped. */
  move(space: string, from: string, toSpace: string, to: string): Promise<void>;
  copy(space: string, from: string, toSpace: string, to: string): Promise<void>;
  removeTree(space: string, path: string): Promise<void>;
  /** Whether any property is stored at all: most nodes have none, and listings need not ask. */
  readonly any: boolean;
}
